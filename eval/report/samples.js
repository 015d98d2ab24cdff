"use strict";
// The page of samples. A page that is opened from a file may load scripts, and nothing else: the index of all
// samples and the shards with their texts are calls of stele.index and stele.shard. What is shown is what the
// address says after its #, so that a link leads to samples and the browser goes back. Texts of models come into
// the page as text alone.

const stele = { index: begin, shard: arrived };

// Bits of an index's marks, as marks.go has them.
const RIGHT = 1, OFF = 2, ANSWER_OFF = 4, CUT = 8, DIFFER = 16, GRADER = 32;
const PAGE = 24, HELD = 12;

let data = null; // the index
let turn = 0; // counts what was asked for: what an older one still finds is dropped
const at = (id) => document.getElementById(id);

// make returns an element with attributes and children; texts become text.
function make(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const key of Object.keys(attributes)) {
    if (attributes[key] !== undefined) e.setAttribute(key, attributes[key]);
  }
  e.append(...children);
  return e;
}

function say(text) { at("status").textContent = text; }

// Shards.

const waiting = new Map(), held = new Map();

function loadScript(name, failed) {
  const s = make("script", { src: "samples/" + name });
  s.onerror = () => failed(new Error("samples/" + name + " could not be read: it belongs beside this page."));
  s.onload = () => s.remove();
  document.head.append(s);
}

function arrived(n, shard) {
  held.set(n, shard);
  for (const old of held.keys()) {
    if (held.size > HELD) held.delete(old);
  }
  waiting.get(n).done(shard);
  waiting.delete(n);
}

// load returns a shard's promise. The last few shards are kept, and one that is on its way is asked for once.
function load(n) {
  if (held.has(n)) return Promise.resolve(held.get(n));
  if (!waiting.has(n)) {
    const shard = {};
    waiting.set(n, shard);
    shard.promise = new Promise((done, failed) => {
      shard.done = done;
      loadScript(String(n + 1).padStart(4, "0") + ".js", (why) => { waiting.delete(n); failed(why); });
    });
  }
  return waiting.get(n).promise;
}

// shardOf returns the number of the shard that has a sample.
function shardOf(i) {
  let low = 0, high = data.shards.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (data.shards[middle] > i) high = middle; else low = middle;
  }
  return low;
}

// textOf returns what a sample's shard says of it.
async function textOf(i) {
  const n = shardOf(i), shard = await load(n);
  const [prompt, output, extracted, reference, language, answerLanguage, via] = shard.said[i - data.shards[n]];
  return { prompt: shard.prompts[prompt], output, extracted, reference, language, answerLanguage, via };
}

// What is asked for.

function asked() { return new URLSearchParams(location.hash.slice(1)); }

// address returns the hash of p with some keys set, or removed where they are empty.
function address(p, changes) {
  const to = new URLSearchParams(p);
  for (const key of Object.keys(changes)) {
    to.delete(key);
    for (const value of [changes[key]].flat()) {
      if (value !== "") to.append(key, value);
    }
  }
  return "#" + to;
}

// find returns the samples that p asks for, without looking into their texts.
function find(p) {
  const benchmark = p.get("benchmark"), language = p.get("language"), id = p.get("question");
  const names = p.getAll("model");
  const questions = data.questions.map((q) =>
    (!benchmark || data.benchmarks[q[0]] === benchmark) && (id === null || q[1] === id));
  const languages = data.languages.map((l) => !language || l.code === language);
  const models = data.models.map((m) => names.length === 0 || names.includes(m.name) || names.includes(m.of));
  let must = 0, mustNot = 0;
  const want = (value, yes, no, bit) => {
    if (value === yes) must |= bit;
    if (value === no) mustNot |= bit;
  };
  want(p.get("verdict"), "right", "wrong", RIGHT);
  want(p.get("off"), "yes", "no", OFF);
  want(p.get("answer-off"), "yes", "no", ANSWER_OFF);
  want(p.get("cut"), "yes", "no", CUT);
  want(p.get("graders"), "differ", "agree", DIFFER);
  data.graders.forEach((g, k) => {
    if (p.get("graders") === "only " + g) {
      must |= GRADER << k;
      mustNot |= ((1 << data.graders.length) - 1) * GRADER & ~(GRADER << k);
    }
  });
  const sample = p.get("sample");
  const changed = changes(p);
  const found = [];
  for (let i = 0; i < data.marks.length; i++) {
    if (questions[data.question[i]] && languages[data.language[i]] && models[data.model[i]] &&
      (data.marks[i] & must) === must && (data.marks[i] & mustNot) === 0 &&
      (!sample || data.sample[i] === Number(sample)) && (!changed || changed(i))) found.push(i);
  }
  const order = p.get("order");
  if (order) found.sort((a, b) => (data.tokens[a] - data.tokens[b]) * (order === "longest" ? -1 : 1) || a - b);
  return found;
}

// changes returns whether a sample's question went as asked from the first of two models to the second, by the
// share of samples that are right; null where that is not asked.
function changes(p) {
  const names = p.getAll("model"), change = p.get("change");
  if (!change || names.length !== 2) return null;
  const side = data.models.map((m) => names.findIndex((n) => n === m.name || n === m.of));
  const counts = new Map();
  const key = (i) => data.question[i] * data.languages.length + data.language[i];
  data.marks.forEach((marks, i) => {
    const s = side[data.model[i]];
    if (s === -1) return;
    const c = counts.get(key(i)) || [0, 0, 0, 0];
    c[2 * s] += marks & RIGHT;
    c[2 * s + 1]++;
    counts.set(key(i), c);
  });
  return (i) => {
    const c = counts.get(key(i));
    if (!c || c[1] === 0 || c[3] === 0) return false;
    const d = Math.sign(c[2] * c[1] - c[0] * c[3]);
    return d === { better: 1, worse: -1, same: 0 }[change];
  };
}

// The page.

function languageOf(code) {
  const l = data.languages.find((l) => l.code === code);
  return l && l.called !== code ? l.called + " (" + code + ")" : code;
}

// spoken names the language of a text; und is what was recognised as none.
function spoken(code) { return code === "und" || code === "" ? "no language that was recognised" : languageOf(code); }

// marked returns text with what was searched for marked.
function marked(text, pattern) {
  if (!pattern) return [text];
  const parts = [];
  let last = 0;
  for (const m of text.matchAll(pattern)) {
    parts.push(text.slice(last, m.index), make("mark", {}, m[0]));
    last = m.index + m[0].length;
  }
  return [...parts, text.slice(last)];
}

// written returns a text of a model or benchmark; it runs in the direction of its own letters.
function written(text, language, pattern) {
  return make("pre", { class: "text", dir: "auto", lang: /^[A-Za-z-]+$/.test(language) ? language : undefined },
    ...marked(text, pattern));
}

function inline(text, pattern) { return make("bdi", {}, ...marked(text, pattern)); }

// card shows a sample. Its text follows when its shard is there.
function card(i, p, pattern, beside) {
  const benchmark = data.benchmarks[data.questions[data.question[i]][0]];
  const id = data.questions[data.question[i]][1], language = data.languages[data.language[i]];
  const model = data.models[data.model[i]].name, marks = data.marks[i];
  const list = make("ul", { class: "marks" });
  const add = (text, kind) => list.append(make("li", { class: kind || "" }, text));
  add(marks & RIGHT ? "right" : "wrong", marks & RIGHT ? "right" : "wrong");
  if (marks & DIFFER) {
    add("graders differ: right by " + data.graders.filter((_, k) => marks & (GRADER << k)).join(", "));
  }
  if (marks & CUT) add("cut off at the limit");
  const name = (beside ? [model] : [benchmark, id, languageOf(language.code), model]).join(" · ") +
    " · sample " + data.sample[i];
  const out = make("article", {}, make("h3", {}, inline(name)), list);
  if (!beside) {
    out.append(make("p", {}, make("a", {
      href: address(new URLSearchParams(), { benchmark, question: id, model: p.getAll("model") }),
    }, "The same question in all languages")));
  }
  textOf(i).then((t) => {
    if (marks & OFF) add("reasons in " + spoken(t.language) + ", asked in " + languageOf(language.code));
    if (marks & ANSWER_OFF) add("answers in " + spoken(t.answerLanguage));
    add(data.tokens[i] + " tokens");
    const text = t.output ? written(t.output, t.language, pattern) : make("p", {}, "The output is empty.");
    out.append(make("p", {}, "Answer: ", t.extracted ? inline(t.extracted, pattern) : "none found",
      "; reference: ", inline(t.reference, pattern), t.via ? "; decided by: " + t.via : ""));
    if (!beside) out.append(make("details", {}, make("summary", {}, "Prompt"),
      written(t.prompt, language.code, pattern)));
    out.append(text);
    if (!pattern && t.output) fold(out, text);
  }, (failed) => out.append(make("p", {}, failed.message)));
  return out;
}

// fold shows the beginning of a long text, and a button for the rest.
function fold(card, text) {
  text.classList.add("short");
  requestAnimationFrame(() => {
    if (text.clientHeight + 4 >= text.scrollHeight) return text.classList.remove("short");
    text.classList.add("cut");
    const button = make("button", { type: "button", "aria-expanded": "false" }, "Show all of it");
    button.onclick = () => {
      const open = button.getAttribute("aria-expanded") === "false";
      button.setAttribute("aria-expanded", String(open));
      button.textContent = open ? "Show its beginning" : "Show all of it";
      text.classList.toggle("short", !open);
    };
    card.append(button);
  });
}

// route shows what the address asks for.
async function route() {
  const mine = ++turn, p = asked();
  fillForm(p);
  for (const id of ["turn", "turn-below"]) at(id).hidden = true;
  at("samples").replaceChildren();
  at("title").textContent = "Samples";
  const started = performance.now();
  let found = find(p);
  stele.filtered = performance.now() - started;
  const text = p.get("find");
  const pattern = text ? new RegExp(text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"), "giu") : null;
  if (pattern) {
    found = await search(found, pattern, mine);
    if (found === null) return;
  }
  if (p.has("question")) showQuestion(found, p, pattern); else showList(found, p, pattern);
  // Who came by a link that is no longer there goes on from the title, not from the top of the page.
  if (mine > 1 && document.activeElement === document.body) at("title").focus({ preventScroll: true });
}

// unseen says what is asked for that the form does not show.
function unseen(p) { return p.get("sample") ? " with the number " + p.get("sample") : ""; }

// search returns those of some samples that have a text, or null where something else was asked for meanwhile.
async function search(among, pattern, mine) {
  const found = [];
  const shards = new Map();
  for (const i of among) {
    const n = shardOf(i);
    if (!shards.has(n)) shards.set(n, []);
    shards.get(n).push(i);
  }
  const has = (text) => text.search(pattern) !== -1;
  let done = 0;
  for (const [n, samples] of shards) {
    say("Searched " + Math.round(100 * done++ / shards.size) + " %, found " + found.length + ".");
    let shard;
    try {
      shard = await load(n);
    } catch (failed) {
      if (mine === turn) say(failed.message);
      return null;
    }
    if (mine !== turn) return null;
    const prompts = shard.prompts.map(has);
    for (const i of samples) {
      const said = shard.said[i - data.shards[n]];
      if (has(said[1]) || has(said[2]) || has(said[3]) || prompts[said[0]] ||
        has(data.questions[data.question[i]][1])) found.push(i);
    }
  }
  const order = new Map(among.map((i, k) => [i, k]));
  return found.sort((a, b) => order.get(a) - order.get(b));
}

function showList(found, p, pattern) {
  const from = Math.max(0, Math.min(Math.trunc(Number(p.get("from"))) || 0, found.length - 1));
  const shown = found.slice(from, from + PAGE);
  say(found.length === 0 ? "No sample is like that" + unseen(p) + "." : "Samples " + (from + 1) + " to " +
    (from + shown.length) + " of " + found.length + unseen(p) + (found.length === data.marks.length ? "." : ", of " + data.marks.length + " in all."));
  for (const id of ["turn", "turn-below"]) {
    const nav = at(id);
    nav.hidden = PAGE >= found.length;
    const button = (text, to, there) => {
      const b = make("button", { type: "button" }, text);
      b.disabled = !there;
      b.onclick = () => {
        location.hash = address(p, { from: to ? String(to) : "" });
        at("title").focus();
      };
      return b;
    };
    nav.replaceChildren(button("Earlier samples", Math.max(0, from - PAGE), from > 0),
      button("Later samples", from + PAGE, found.length > from + PAGE));
  }
  at("samples").append(make("div", { class: "columns" }, ...shown.map((i) => card(i, p, pattern, false))));
}

// showQuestion shows a question in its languages, in each what the models said beside each other.
function showQuestion(found, p, pattern) {
  const id = p.get("question");
  const name = (p.get("benchmark") ? p.get("benchmark") + " · " : "") + id;
  at("title").textContent = name;
  say(found.length === 0 ? "No sample is like that" + unseen(p) + "." :
    found.length + (found.length === 1 ? " sample" : " samples") + unseen(p) + " of this question.");
  const nav = at("turn"), here = found.length ? data.question[found[0]] : -1;
  const link = (text, q) => q && make("a", {
    href: address(p, { benchmark: data.benchmarks[q[0]], question: q[1], sample: "", find: "" }),
  }, text);
  nav.replaceChildren(...[link("Question before", data.questions[here - 1]), link("Question after", data.questions[here + 1]),
    make("a", { href: address(p, { question: "", sample: "" }) }, "All samples")].filter(Boolean));
  nav.hidden = false;
  let shown = 0;
  const more = () => {
    const until = shown + 5 * PAGE;
    while (shown < Math.min(found.length, until)) shown = addLanguage(found, shown, until, p, pattern);
    if (found.length > shown) {
      const b = make("button", { type: "button" }, "Show more of " + (found.length - shown));
      b.onclick = () => { b.remove(); more(); };
      at("samples").append(b);
    }
  };
  more();
}

// addLanguage adds samples of one language from the one at first on, and returns where it ended.
function addLanguage(found, first, until, p, pattern) {
  const language = data.languages[data.language[found[first]]];
  let last = first;
  const columns = make("div", { class: "columns" }), models = new Map();
  while (last < Math.min(found.length, until) && data.language[found[last]] === data.language[found[first]]) {
    const i = found[last++], m = data.model[i];
    models.set(m, [...models.get(m) || [], card(i, p, pattern, true)]);
  }
  // A column for each model; the samples of a single one are beside each other.
  for (const cards of models.values()) {
    if (models.size === 1) columns.append(...cards); else columns.append(make("div", {}, ...cards));
  }
  const prompt = make("details", {}, make("summary", {}, "Prompt"));
  const benchmark = data.benchmarks[data.questions[data.question[found[first]]][0]];
  at("samples").append(make("section", {},
    make("h2", {}, make("bdi", { lang: language.code }, languageOf(language.code)), p.get("benchmark") ? "" : " · " + benchmark),
    prompt, columns));
  const of = new Map(); // the models by their prompt: templates may differ
  Promise.all(found.slice(first, last).map(async (i) => {
    const t = await textOf(i), model = data.models[data.model[i]].name;
    of.set(t.prompt, (of.get(t.prompt) || new Set()).add(model));
  })).then(() => of.forEach((models, text) => prompt.append(
    make("p", {}, of.size > 1 ? inline([...models].join(", ")) : ""), written(text, language.code, pattern))),
  (failed) => say(failed.message));
  return last;
}

// The form.

function option(value, text) { return make("option", { value }, text); }

function fillForm(p) {
  const form = at("filters"), names = p.getAll("model");
  const pair = data.pairs.findIndex((pair) => names.length === 2 && pair[0] === names[0] && pair[1] === names[1]);
  for (const field of form.elements) {
    if (!field.name) continue;
    field.value = field.name === "model" ? (pair !== -1 ? "pair " + pair : names[0] ? "model " + names[0] : "") :
      p.get(field.name) || "";
  }
  at("change").hidden = names.length !== 2;
}

function readForm() {
  const form = at("filters"), changes = { from: "", sample: "" };
  for (const field of form.elements) {
    if (field.name) changes[field.name] = field.value;
  }
  const [kind, ...rest] = changes.model.split(" ");
  changes.model = kind === "pair" ? data.pairs[rest[0]] : rest.join(" ");
  if (kind !== "pair") changes.change = "";
  if (changes.benchmark !== (asked().get("benchmark") || "")) changes.question = "";
  location.hash = address(asked(), changes);
}

function begin(index) {
  data = index;
  const form = at("filters"), models = form.elements.model;
  form.elements.benchmark.append(option("", "all"), ...data.benchmarks.map((b) => option(b, b)));
  form.elements.language.append(option("", "all"),
    ...data.languages.map((l) => option(l.code, languageOf(l.code))));
  models.append(option("", "all"));
  if (data.pairs.length) {
    models.append(make("optgroup", { label: "Base beside trained" },
      ...data.pairs.map(([base, trained], k) => option("pair " + k, base + " → " + trained))));
  }
  const means = [...new Set(data.models.map((m) => m.of).filter(Boolean))];
  models.append(make("optgroup", { label: "One model" },
    ...means.map((name) => option("model " + name, name + ", all seeds")),
    ...data.models.map((m) => option("model " + m.name, m.name))));
  form.elements.graders.append(...data.graders.map((g) => option("only " + g, "only " + g + " says right")));
  form.onchange = (e) => { if (e.target.name !== "find") readForm(); };
  form.onsubmit = (e) => { e.preventDefault(); readForm(); };
  form.onreset = (e) => { e.preventDefault(); location.hash = "#"; };
  form.hidden = false;
  addEventListener("hashchange", route);
  route();
}

loadScript("index.js", (failed) => say(failed.message));
