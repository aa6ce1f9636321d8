/**
 * The page that shows channels: a room for two tabs, whose server may be killed.
 *
 * @module
 */
import { policyOf, shell, SHELL_STYLE, sourceHash } from "./shell.ts";

/** The channel of the page, and where it finds things on its server. */
export const ROOM = "room:demo";
export const CLIENT_PATH = "/channels/client.js";
export const SOCKET_PATH = "/channels/ws";

const STYLE: string = `${SHELL_STYLE}.row { display: flex; gap: .6rem; align-items: baseline; }
.row input { flex: 1; min-width: 0; }
button, input { font: inherit; padding: .2rem .7rem; }
#log { height: 16rem; margin-top: .6rem; padding: .5rem 1rem; overflow-y: auto; border: 1px solid var(--line);
  border-radius: 8px; font: 14px/1.6 ui-monospace, Menlo, Consolas, monospace; }
#log p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
#log .told { color: var(--quiet); }
`;

/** What stands in the page, and what its script finds by the ids. */
const BODY = `<h1>Channels</h1>
<p>Open this page in two tabs, and say something in both. Then kill the server with <code id="kill">kill -9</code>, go on
talking, close one of the tabs if you like, and start the server again: each message comes once, in order, and none is
missing.</p>
<noscript><p>This page needs JavaScript; <code>sluice init --kind channels</code> writes a client for the terminal.</p>
</noscript>
<table>
<tr><td>state</td><td><output id="state">connecting</output></td></tr>
<tr><td>server</td><td id="server">not reached yet</td></tr>
<tr><td>not acknowledged</td><td id="waiting">0</td></tr>
<tr><td>here</td><td id="members">nobody</td></tr>
<tr><td>received</td><td id="received">0 messages</td></tr>
</table>
<h2 id="talk">Say something</h2>
<form id="form" aria-labelledby="talk">
<p class="row"><label for="name">Name</label> <input id="name" autocomplete="off" spellcheck="false" maxlength="40"></p>
<p class="row"><label for="text">Message</label>
<input id="text" autocomplete="off" spellcheck="false" maxlength="1000"> <button>Say it</button>
<button type="button" id="hundred">Count to 100</button></p>
</form>
<div id="log" role="log" aria-label="What was said" tabindex="0"></div>
<h2>What to look at</h2>
<p><b>not acknowledged</b> is what the server has not said to have in its log. It waits in a database of the browser
(IndexedDB), so it outlives the tab: close one with something in it, open another, and that says it.</p>
<p><b>received</b> counts by the number that each page gives its messages: one that is missing, or comes twice, shows. What
the log keeps no more is no silent hole but a <i>gap</i>, which is told, with its reason.</p>
<p><a href="/">Back to the demo</a></p>`;

const CLIENT = JSON.stringify(CLIENT_PATH);

/** The script, as it stands in the page: all that a program has to do. */
const SCRIPT: string = String.raw`
import { ChannelClient, indexedDbOutbox } from ${CLIENT};

const MAX_LINES = 500, COUNTED = 100, PAUSE = 30;
const by = (id) => document.getElementById(id);
const random = () => Math.random().toString(36).slice(2, 8);
/** One user for all tabs of a browser, since they share what waits; a name for each tab, and a mark for each page. */
const user = localStorage["sluice demo user"] ??= "user-" + random();
const name = sessionStorage["sluice demo name"] ??= "tab-" + random();
const page = random();

/** Who leaves by himself is gone at once: said before the client lets its connection go, for which it may come back. */
addEventListener("pagehide", () => room.close(), { capture: true });

const client = new ChannelClient(location.origin.replace("http", "ws") + "${SOCKET_PATH}", {
  token: user,
  outbox: indexedDbOutbox("sluice demo"),
  minDelay: 200,
  maxDelay: 2000,
});
const room = client.subscribe("${ROOM}", { since: "oldest", member: { name } });

/** The number of its last message, of each page; what stands behind a gap begins anew. */
const last = new Map();
let [said, messages, missing, twice, gaps] = [0, 0, 0, 0, 0];

function write(what, kind) {
  const line = document.createElement("p");
  line.textContent = what;
  line.className = kind;
  by("log").append(line);
  if (by("log").childElementCount > MAX_LINES) by("log").firstElementChild.remove();
  by("log").scrollTop = by("log").scrollHeight;
}

function count({ page, n }) {
  const before = last.get(page) ?? n - 1;
  messages++;
  if (n <= before) return void twice++;
  missing += n - before - 1;
  last.set(page, n);
}

function show() {
  by("state").textContent = client.state;
  by("waiting").textContent = client.unacknowledged;
  by("members").textContent = room.members.map(({ data }) => data.name).sort().join(", ") || "nobody";
  by("received").textContent = messages + " messages, " + missing + " missing, " + twice + " twice, " + gaps + " gaps";
}

async function ask() {
  const { pid, runtime, log } = await client.call("server");
  by("server").textContent = "process " + pid + " on " + runtime + ", messages " + log;
  by("kill").textContent = "kill -9 " + pid;
}

function say(text) {
  client.publish("${ROOM}", { name, page, n: ++said, text }).then(show, (error) => write(error.message, "told"));
  show();
}

client.on("state", (state) => {
  write(state, "told");
  show();
  if (state === "live") ask().catch(() => {});
});
client.on("error", (error) => write(error.message, "told"));
room.on("message", ({ offset, data }) => {
  count(data);
  write(offset + "  " + data.name + ": " + data.text, "said");
  show();
});
room.on("gap", ({ reason }) => {
  gaps++;
  last.clear();
  write("a gap: " + reason, "told");
  show();
});
/** A leave says no more than whose. */
const names = new Map();
function know({ member, data }) {
  if (data) names.set(member, data.name);
}
room.on("presence", (change) => {
  know(change);
  const who = change.type === "lost" ? "a server with all its members" : names.get(change.member) ?? change.user;
  write(who + " " + { join: "came", leave: "left", lost: "was lost" }[change.type], "told");
  show();
});
room.on("members", () => {
  room.members.forEach(know);
  show();
});

by("name").value = name;
by("name").onchange = () => {
  sessionStorage["sluice demo name"] = by("name").value || name;
  location.reload();
};
by("form").onsubmit = (event) => {
  event.preventDefault();
  say(by("text").value || "hello");
  by("text").select();
};
by("hundred").onclick = async () => {
  for (let n = 1; n <= COUNTED; n++) {
    say(String(n));
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
};
/** What another page had left is acknowledged without a word to this one. */
setInterval(show, 500);
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
`;

/** What the page may do: run this one script, and what that imports from where it came from. */
export const ROOM_POLICY: string = policyOf(STYLE, `${sourceHash(SCRIPT)} 'self'`);

/** The page as HTML. */
export const ROOM_PAGE: string = shell(
  "Sluice demo: channels",
  STYLE,
  `${BODY}\n<script type="module">${SCRIPT}</script>`,
);
