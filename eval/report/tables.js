"use strict";
// Sorts tables by the column whose head is pressed: up, down, and as it was. Says which tables are wider than the page.

// valueOf returns a cell's number, or its text where it has none; what is undefined is undefined.
function valueOf(cell) {
  const text = cell.firstElementChild && cell.firstElementChild.tagName === "A" ?
    cell.firstElementChild.textContent : cell.textContent;
  const plain = text.trim().replace("\u2212", "-");
  if (["", "None", "\u2013"].includes(plain)) return undefined;
  const number = /^[-+]?\d+(\.\d+)?(e[-+]?\d+)?/i.exec(plain);
  return number && !cell.classList.contains("label") ? Number(number[0]) : plain;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

// order sorts rows by a column; what is undefined comes last, and what is equal stays as it was.
function order(rows, column, up) {
  const all = rows.map((row, was) => ({ row, was, value: valueOf(row.cells[column]) }));
  const last = (x) => Number(x.value === undefined);
  all.sort((a, b) => last(a) - last(b) ||
    (a.value === undefined ? 0 : compare(a.value, b.value) * (up ? 1 : -1)) || a.was - b.was);
  return all.map((x) => x.row);
}

for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
  if (rows.length < 2) continue;
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.onclick = () => {
      const next = { ascending: "descending", descending: "" }[head.getAttribute("aria-sort")];
      for (const h of heads) h.removeAttribute("aria-sort");
      if (next !== "") head.setAttribute("aria-sort", next || "ascending");
      table.classList.toggle("sorted", next !== "");
      body.append(...(next === "" ? rows : order(rows, column, next !== "descending")));
    };
  });
}

for (const box of document.querySelectorAll(".scroll")) {
  const note = document.createElement("p");
  note.className = "wide-note";
  note.textContent = "Wider than the page: it scrolls sideways.";
  const look = () => {
    const wide = box.scrollWidth > box.clientWidth + 1;
    if (wide) box.before(note); else note.remove();
    if (wide) box.tabIndex = 0; else box.removeAttribute("tabindex");
  };
  new ResizeObserver(look).observe(box);
  look();
}
