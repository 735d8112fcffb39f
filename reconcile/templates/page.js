// Sorts tables, opens what a link leads into, and holds frames back until somebody looks.
// Without it the page is complete, and stays in its order.
"use strict";

const words = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

function valueOf(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value ?? cell.textContent.trim();
}

function compare(one, other, numeric) {
  return numeric ? Number(one) - Number(other) : words.compare(one, other);
}

function sort(table, header) {
  const numeric = header.classList.contains("n");
  const before = header.getAttribute("aria-sort");
  const ascending = before ? before === "descending" : !numeric;
  for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const sign = ascending ? 1 : -1;
  const column = header.cellIndex;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  rows.sort((one, other) => sign * compare(valueOf(one, column), valueOf(other, column), numeric));
  body.append(...rows);
}

function makeSortable(table) {
  for (const header of table.tHead.rows[0].cells) {
    if (header.classList.contains("unsorted")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(table, header));
    header.append(button);
  }
}

function open() {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  if (!target) return;
  for (let each = target; each; each = each.parentElement) {
    if (each.tagName === "DETAILS") each.open = true;
  }
  target.scrollIntoView();
}

// Hundreds of frames at once would keep the page from opening. Without scripts they stand where <noscript> is.
function makeFrames(details) {
  for (const held of details.querySelectorAll("noscript")) held.outerHTML = held.textContent;
}

// What scrolls sideways must be within reach of the keyboard, and say what it is.
function makeReachable(entries) {
  for (const { target } of entries) {
    if (target.scrollWidth <= target.clientWidth) target.removeAttribute("tabindex");
    else Object.assign(target, { tabIndex: 0, role: "group", ariaLabel: target.querySelector("caption").textContent });
  }
}

for (const table of document.querySelectorAll("table.sortable")) {
  if (table.tBodies[0].rows.length > 1) makeSortable(table);
}
const sizes = new ResizeObserver(makeReachable);
for (const scroll of document.querySelectorAll(".scroll:has(> table)")) sizes.observe(scroll);
addEventListener("toggle", (event) => event.target.open && makeFrames(event.target), true);
addEventListener("hashchange", open);
open();
