/**
 * Files for Prometheus and Grafana, made of the definitions of the metrics.
 *
 * @module
 */
export { type AlertDefinition, alertRules, ALERTS } from "./alerts.ts";
export { dashboard, targetsOf } from "./dashboard.ts";
