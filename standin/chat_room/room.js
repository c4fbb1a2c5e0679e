// Asks for new messages each second and shows the newest on top. Texts are set as text, never as markup.
const list = document.getElementById("messages");
const count = document.getElementById("count");
let last = 0;

function element(name, className, text) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function show(message) {
  const item = element("li", message.status);
  const time = new Date(message.received_at * 1000).toLocaleTimeString();
  item.append(element("div", "meta", `${time} · ${message.hook} · ${message.status}`));
  item.append(element("div", "text", message.text));
  const details = element("details");
  details.append(element("summary", "", "payload"));
  details.append(element("pre", "", JSON.stringify(message.payload, null, 2)));
  item.append(details);
  list.prepend(item);
}

async function poll() {
  try {
    const answer = await fetch(`/messages?since=${last}`);
    const body = await answer.json();
    for (const message of body.messages) {
      show(message);
      last = message.number;
    }
    document.getElementById("empty").hidden = last > 0;
    count.textContent = last > 0 ? `${body.total} messages` : "waiting for the first alert";
  } catch {
    count.textContent = "the demo has ended";
  }
  setTimeout(poll, 1000);
}

poll();
