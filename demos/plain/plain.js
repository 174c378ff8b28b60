// The room of ../chat for a page that has nothing but `fetch`: it asks for the object when that has changed, and posts what is said.
const { user = `guest-${Math.floor(Math.random() * 1e4)}`, room = "lobby" } = Object.fromEntries(new URLSearchParams(location.search));
const chat = `/v1/objects/chat/${room}?user=${encodeURIComponent(user)}`;
const [list, form] = [document.querySelector("ol"), document.querySelector("form")];
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const ops = [{ op: "append", slot: "log", value: { text: form.text.value } }];
  const headers = { "content-type": "application/json", "idempotency-key": crypto.randomUUID() };
  const answer = await fetch(chat, { method: "POST", headers, body: JSON.stringify({ ops }) });
  if (answer.ok) form.reset();
});
for (let tag = '"none"'; ; ) {
  const answer = await fetch(`${chat}&wait=25`, { headers: { "if-none-match": tag } }).catch(() => ({}));
  if (answer.ok) {
    tag = answer.headers.get("etag") ?? tag;
    const log = (await answer.json()).slots.find(({ slot }) => slot === "log")?.value ?? [];
    list.replaceChildren(...log.map(({ by, item }) => Object.assign(document.createElement("li"), { textContent: `${by}: ${item.text}` })));
  } else if (answer.status !== 304) await new Promise((resolve) => setTimeout(resolve, 2000));
}
