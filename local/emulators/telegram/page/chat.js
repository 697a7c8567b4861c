// The moderators' room of the local stack, as its members would see it in Telegram.
const $ = (id) => document.getElementById(id);
const EVERY_MS = 1000;
const TAGS = { bold: "b", italic: "i", code: "code", pre: "pre", blockquote: "blockquote", expandable_blockquote: "blockquote", underline: "u", strikethrough: "s", text_link: "a" };
let drawn = "";
let asking = null;

const element = (tag, className = "", text = "") =>
  Object.assign(document.createElement(tag), { className, textContent: text });

const ask = async (path, body) => {
  const options = body && { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(path, options);
  return response.json();
};

// Offsets and lengths are in UTF-16 units, as those of JavaScript's strings are.
const marked = (text, entities) => {
  const bubble = element("div", "bubble");
  const write = (parent, from, to, inside) => {
    let at = from;
    while (inside.length) {
      const [mark, ...rest] = inside;
      const end = mark.offset + mark.length;
      const nested = rest.filter((it) => it.offset < end);
      inside = rest.slice(nested.length);
      parent.append(text.slice(at, mark.offset));
      const child = element(TAGS[mark.type] ?? "span");
      if (mark.type === "text_link" && /^https?:/.test(mark.url)) child.href = mark.url;
      parent.append(child);
      write(child, mark.offset, end, nested);
      at = end;
    }
    parent.append(text.slice(at, to));
  };
  const order = [...(entities ?? [])].sort((a, b) => a.offset - b.offset || b.length - a.length);
  write(bubble, 0, text.length, order);
  return bubble;
};

const person = () => Number($("person").value);

const press = async (message, button) => {
  const before = (await ask("/answers")).answers.length;
  await ask("/_press", { user: person(), chat: message.chat.id, message: message.message_id, data: button.callback_data });
  for (let tries = 0; tries < 20; tries += 1) {
    const { answers } = await ask("/answers");
    if (answers.length > before) {
      $("answer").textContent = answers.at(-1).text ?? "";
      break;
    }
    await new Promise((done) => setTimeout(done, EVERY_MS / 4));
  }
  await refresh();
};

const keyboard = (message) =>
  (message.reply_markup?.inline_keyboard ?? []).map((row) => {
    const line = element("div", "row");
    for (const button of row) {
      const shown = element("button", "", button.text);
      shown.type = "button";
      shown.onclick = () => (button.url ? open(button.url, "_blank", "noopener") : press(message, button));
      line.append(shown);
    }
    return line;
  });

const article = (message) => {
  const shown = element("article", message.from.is_bot ? "" : "person");
  const bubble = marked(message.text ?? message.caption ?? "", message.entities ?? message.caption_entities);
  bubble.prepend(element("div", "by", message.from.first_name));
  if (message.photo) bubble.append("\n", element("small", "", `🖼 ${message.photo}`));
  shown.append(bubble, ...keyboard(message));
  return shown;
};

const refresh = async () => {
  const { messages } = await ask("/messages");
  const now = JSON.stringify(messages);
  if (now === drawn) return;
  drawn = now;
  asking = messages.findLast((it) => it.reply_markup?.force_reply) ?? null;
  if (asking && messages.some((it) => it.reply_to_message?.message_id === asking.message_id)) asking = null;
  $("reply").hidden = asking === null;
  if (messages.length) $("messages").replaceChildren(...messages.map(article));
  scrollTo(0, document.body.scrollHeight);
};

$("reply").onsubmit = async (event) => {
  event.preventDefault();
  const text = new FormData(event.target).get("text");
  event.target.reset();
  await ask("/_reply", { user: person(), chat: asking.chat.id, to: asking.message_id, text });
  await refresh();
};

const { people } = await ask("/people");
$("person").append(...people.map(({ id, name }) => new Option(name, id)));
await refresh();
setInterval(refresh, EVERY_MS);
