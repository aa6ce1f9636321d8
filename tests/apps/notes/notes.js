/** The page of the notes: three forms and a list. */
const element = (id) => document.getElementById(id);

/** Sends a request; what is wrong with it is shown. */
async function ask(method, path, body) {
  const response = await fetch(path, { method, body });
  const answer = await response.json();
  element("said").textContent = response.ok ? "" : answer.error;
  return response.ok ? answer : null;
}

async function show() {
  const items = (await ask("GET", "/api/notes") ?? []).map(({ text }) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  });
  element("notes").replaceChildren(...items);
}

/** What a form does when it is sent; then the list is shown anew. */
function onSubmit(id, act) {
  element(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    await act(new FormData(event.target));
    await show();
  });
}

onSubmit("session", (form) => ask("POST", "/api/session", JSON.stringify(Object.fromEntries(form))));
onSubmit("note", (form) => ask("POST", "/api/notes", JSON.stringify(Object.fromEntries(form))));
onSubmit("file", (form) => ask("POST", "/api/files", form));
await show();
