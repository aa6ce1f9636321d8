/** Where the files for Prometheus and Grafana are: `npm run docs` writes them, and a test compares. */
export const DASHBOARD_FILE = "src/metrics/dashboard.json";
export const ALERTS_FILE = "src/metrics/alerts.yml";
