/**
 * The WebSocket console on the page of `sluice demo`: what stands in the page, and the script that moves it.
 *
 * @module
 */

/** The console as HTML; its heading is linked to as `#console`. */
export const CONSOLE_HTML: string = `<h2 id="console">WebSocket console</h2>
<p>Each message to <code>/ws</code> comes back. Stop the server: its Close shows here, and once it runs again the page
connects by itself.</p>
<noscript><p>The console needs JavaScript; any other WebSocket client will do as well.</p></noscript>
<form id="form" aria-labelledby="console">
<p><button type="button" id="toggle">Connect</button> <output id="state">not connected</output></p>
<p><small id="last">no Close so far</small></p>
<p class="row"><label for="message">Message</label>
<input id="message" value="hello" autocomplete="off" spellcheck="false"> <button id="send">Send</button></p>
</form>
<div id="log" role="log" aria-label="What was sent and received" tabindex="0"></div>`;

/** What the console looks like. */
export const CONSOLE_STYLE = `.row { display: flex; gap: .6rem; align-items: baseline; }
.row input { flex: 1; min-width: 0; }
button, input { font: inherit; padding: .2rem .7rem; }
#log { height: 11rem; margin-top: .6rem; padding: .5rem 1rem; overflow-y: auto; border: 1px solid var(--line);
  border-radius: 8px; font: 14px/1.6 ui-monospace, Menlo, Consolas, monospace; }
#log p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
`;

/**
 * The script, as it stands in the page. It backs off with full jitter: pages that lost their server together don't come
 * back together.
 */
export const CONSOLE_SCRIPT: string = String.raw`"use strict";
const FIRST_DELAY = 500, MAX_DELAY = 4000, STABLE = 5000, MAX_SHOWN = 200, MAX_LINES = 200;
const MEANINGS = {
  1000: "normal", 1001: "going away", 1005: "no code", 1006: "no Close came", 1009: "message too big",
  1011: "the server failed", 1013: "try again later",
};
const [form, toggle, state, last, input, log] = ["form", "toggle", "state", "last", "message", "log"]
  .map((id) => document.getElementById(id));
let socket = null, wanted = false, timer = 0, failures = 0;

function note(what) {
  const line = document.createElement("p");
  line.textContent = new Date().toTimeString().slice(0, 8) + "  " + what;
  log.append(line);
  if (log.childElementCount > MAX_LINES) log.firstElementChild.remove();
  log.scrollTop = log.scrollHeight;
}

function shown(data) {
  if (typeof data !== "string") return data.byteLength + " bytes";
  return data.length > MAX_SHOWN ? data.slice(0, MAX_SHOWN) + "… (" + data.length + " characters)" : data;
}

function connect() {
  const ws = new WebSocket(location.origin.replace("http", "ws") + "/ws");
  let opened = 0;
  socket = ws;
  ws.binaryType = "arraybuffer";
  state.textContent = "connecting";
  ws.onopen = () => {
    opened = performance.now();
    state.textContent = "open" + (ws.extensions === "" ? "" : ", " + ws.extensions);
    note("open");
  };
  ws.onmessage = ({ data }) => note("received  " + shown(data));
  ws.onclose = (event) => {
    if (opened > 0) tellClose(event);
    if (ws !== socket) return;
    failures = opened > 0 && performance.now() - opened > STABLE ? 0 : failures + 1;
    if (wanted) connectLater(opened > 0 ? "closed" : "no connection");
    else state.textContent = "closed";
  };
}

function tellClose({ code, reason, wasClean }) {
  const words = [code, MEANINGS[code], wasClean ? "clean" : "not clean", reason && "reason: " + reason];
  last.textContent = "last Close: " + words.filter(Boolean).join(", ");
  note("closed    " + words.filter(Boolean).join(", "));
}

function connectLater(why) {
  const delay = Math.random() * Math.min(MAX_DELAY, FIRST_DELAY * 2 ** failures);
  state.textContent = why + ", next attempt in " + (delay / 1000).toFixed(1) + " s";
  timer = setTimeout(connect, delay);
}

function want(now) {
  wanted = now;
  toggle.textContent = now ? "Disconnect" : "Connect";
  clearTimeout(timer);
  failures = 0;
  if (now) return connect();
  state.textContent = socket.readyState === WebSocket.CLOSED ? "closed" : "closing";
  socket.close(1000, "asked to");
}

toggle.onclick = () => want(!wanted);
form.onsubmit = (event) => {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) return note("not sent: not connected");
  socket.send(input.value);
  note("sent      " + shown(input.value));
  input.select();
};
want(true);
`;
