// Asks for new messages each second and shows the newest on top. Texts are set as text, never as markup.
const list = document.getElementById("messages");
const count = document.getElementById("count");
const empty = document.getElementById("empty");
const tabs = document.getElementById("tabs");
const FIRST = "slack";
const MOST = 200; // messages of a receiver that stay on the page
const counts = {};
const labels = {};
let last = 0;

function element(name, className, ...content) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...content);
  return node;
}

function chosen() {
  const wanted = location.hash.slice(1);
  return wanted in labels ? wanted : FIRST;
}

function choose() {
  const hook = chosen();
  for (const tab of tabs.children) {
    if (tab.dataset.hook !== hook) tab.removeAttribute("aria-current");
    else if (!tab.hasAttribute("aria-current")) {
      tab.setAttribute("aria-current", "page");
      tab.scrollIntoView({ block: "nearest", inline: "center" });
    }
  }
  for (const item of list.children) item.hidden = item.dataset.hook !== hook;
  const shown = counts[hook] || 0;
  empty.hidden = shown > 0;
  count.textContent = shown > 0 ? `${shown} messages` : "waiting for the first alert";
}

// A name in capitals is the mark of an alert, the line that begins it; one that the title says already is left out.
function facts(lines, title) {
  const table = element("dl");
  for (const [name, text] of lines) {
    const begins = name !== "" && name === name.toUpperCase();
    if (begins && title.endsWith(text)) continue;
    if (name) table.append(element("dt", begins ? "begins" : "", name));
    table.append(element("dd", begins ? "begins" : name ? "" : "whole", text));
  }
  return table;
}

function show(message) {
  const item = element("li", message.status);
  item.dataset.hook = message.hook;
  const time = new Date(message.received_at * 1000).toLocaleTimeString();
  item.append(element("div", "meta",
    element("span", "state", message.status), element("span", "", labels[message.hook]),
    element("span", "", time), element("span", "", `answered ${message.answer}`)));
  item.append(element("div", "text", message.text));
  for (const reason of message.refusals) item.append(element("div", "why", reason));
  if (message.lines.length) item.append(facts(message.lines, message.text));
  const details = element("details", "", element("summary", "", "payload"));
  const headers = Object.entries(message.headers).map(([name, value]) => `${name}: ${value}\n`).join("");
  details.append(element("pre", "", `${headers}${headers && "\n"}${JSON.stringify(message.payload, null, 2)}`));
  item.append(details);
  list.prepend(item);
  counts[message.hook] = (counts[message.hook] || 0) + 1;
  const old = [...list.children].filter((other) => other.dataset.hook === message.hook).slice(MOST);
  for (const other of old) other.remove();
}

async function poll() {
  try {
    const answer = await fetch(`/messages?since=${last}`);
    const body = await answer.json();
    for (const message of body.messages) {
      show(message);
      last = message.number;
    }
    for (const tab of tabs.children) tab.lastChild.textContent = counts[tab.dataset.hook] || "";
    choose();
  } catch {
    count.textContent = "the demo has ended";
  }
  setTimeout(poll, 1000);
}

async function start() {
  const services = await (await fetch("/services")).json();
  for (const { name, label } of services) {
    labels[name] = label;
    const tab = element("a", "", label, element("span", ""));
    tab.href = `#${name}`;
    tab.dataset.hook = name;
    tabs.append(tab);
  }
  addEventListener("hashchange", choose);
  poll();
}

start();
