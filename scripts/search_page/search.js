"use strict";

// Whatever is shown goes in as text, never as markup.

const MOST_BYTES = 8 * 2 ** 20;
const WAIT_MS = 120; // after a key, before it is searched
const byId = (id) => document.getElementById(id);
const words = byId("words"), file = byId("file"), asked = byId("asked"), statusLine = byId("status");

let asking = null; // the request under way; a newer one ends it
let waiting = 0;

async function ask(address, options) {
  if (asking) asking.abort();
  const mine = asking = new AbortController();
  say("Searching …");
  try {
    const response = await fetch(address, { ...options, signal: mine.signal });
    const found = await response.json();
    if (mine !== asking) return;
    if (!response.ok) throw new Error(found.error);
    show(found);
  } catch (error) {
    if (mine !== asking || error.name === "AbortError") return;
    clear();
    const lost = error instanceof TypeError;
    say(lost ? "No answer: does the search still run in its terminal?" : error.message, true);
  }
}

function say(text, wrong = false) {
  statusLine.textContent = text;
  statusLine.classList.toggle("wrong", wrong);
}

function show(found) {
  byId("names").replaceChildren(...found.names.map(nameLine));
  byId("pictures").replaceChildren(...found.pictures.map(card));
  byId("names-section").hidden = !found.names.length;
  byId("pictures-section").hidden = !found.pictures.length;
  say(found.unknown.length ? `Not known from training: ${found.unknown.join(", ")}` : "");
}

function clear() {
  show({ names: [], pictures: [], unknown: [] });
}

function nameLine(hit) {
  return make("li", {}, make("span", {}, hit.name + " "),
    make("span", { className: "score" }, hit.score.toFixed(2)));
}

function card(hit) {
  const picture = make("img", { src: hit.picture, alt: hit.name });
  return make("figure", { className: "card" }, make("div", { className: "frame" }, picture),
    make("p", { className: "said" }, hit.name),
    make("p", { className: "note" }, `${hit.artist} ${hit.score.toFixed(2)}`.trim()));
}

function make(name, properties, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children); // strings become text
  return element;
}

function askByWords() {
  showAsked(null);
  if (words.value.trim()) {
    ask("/words?q=" + encodeURIComponent(words.value));
  } else {
    if (asking) asking.abort();
    asking = null;
    clear();
  }
}

function askByPicture(picture) {
  clearTimeout(waiting);
  if (!picture) return;
  words.value = "";
  if (picture.size > MOST_BYTES) {
    if (asking) asking.abort();
    asking = null;
    showAsked(null);
    clear();
    say(`The file has more than ${MOST_BYTES / 2 ** 20} MB. Make it smaller.`, true);
    return;
  }
  showAsked(picture);
  ask("/picture", { method: "POST", body: picture, headers: { "Content-Type": "application/octet-stream" } });
}

function showAsked(picture) {
  URL.revokeObjectURL(asked.src);
  asked.hidden = !picture;
  if (picture) asked.src = URL.createObjectURL(picture);
  else asked.removeAttribute("src");
}

asked.addEventListener("error", () => { asked.hidden = true; });
words.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(askByWords, WAIT_MS);
});
file.addEventListener("change", () => {
  askByPicture(file.files[0]);
  file.value = "";
});
document.addEventListener("paste", (event) => {
  const picture = [...event.clipboardData.files][0];
  if (picture) askByPicture(picture);
});

// A file may be dropped anywhere; the browser's own way would leave the page for it.
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const picture = event.dataTransfer.files[0];
  if (picture) askByPicture(picture);
  else say("That was no file.", true);
});
