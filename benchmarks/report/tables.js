// Tables that sort by a click on a column's head, and show the rows that hold every word of a filter.

function sortKey(cell) {
  const text = cell.dataset.value ?? cell.textContent.trim();
  if (text === "" || text === "–") return null;
  return Number.isFinite(Number(text)) ? Number(text) : text;
}

function inOrder(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), "en", { numeric: true });
}

// Rows in a column's order; what has no value stands last whichever way.
function ordered(rows, column, direction) {
  const sign = direction === "descending" ? -1 : 1;
  const keyed = rows.map((row) => [sortKey(row.cells[column]), row]);
  const known = keyed.filter(([key]) => key !== null).sort(([one], [other]) => sign * inOrder(one, other));
  return [...known, ...keyed.filter(([key]) => key === null)].map(([, row]) => row);
}

const HINT = "click a column’s head to sort";
const NEXT = { none: "ascending", ascending: "descending", descending: "none" };

function sortable(table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...[...table.tHead.rows].at(-1).cells];
  heads.forEach((head, column) => {
    const button = make("button", { type: "button", className: "sort" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const direction = NEXT[head.getAttribute("aria-sort") ?? "none"];
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      if (direction !== "none") head.setAttribute("aria-sort", direction);
      body.append(...(direction === "none" ? rows : ordered(rows, column, direction)));
    });
  });
}

// One filter for tables of the same rows: a row is shown in all of them where its texts together hold every word.
function filterable(tables) {
  const [first] = tables;
  const bodies = tables.map((table) => [...table.tBodies[0].rows]);
  const rows = bodies[0].map((_, index) => bodies.map((body) => body[index]));
  const count = make("span", { className: "label", textContent: HINT });
  count.setAttribute("role", "status");
  const asked = make("input", { type: "search", placeholder: "filter rows", ariaLabel: `filter rows: ${first.parentElement.getAttribute("aria-label")}` });
  asked.addEventListener("input", () => {
    const words = asked.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach((parts) => {
      const text = parts.map((row) => row.textContent.toLowerCase()).join(" ");
      parts.forEach((row) => { row.hidden = !words.every((word) => text.includes(word)); });
    });
    count.textContent = words.length ? `${rows.filter(([row]) => !row.hidden).length} of ${rows.length} rows` : HINT;
  });
  first.parentElement.before(make("div", { className: "toolbar filter" }, asked, count));
}

const together = [...document.querySelectorAll(".tables")].map((host) => [...host.querySelectorAll("table.sortable")]);
const single = [...document.querySelectorAll("table.sortable")].filter((table) => !table.closest(".tables")).map((table) => [table]);
for (const tables of [...together, ...single]) {
  if (tables[0].tBodies[0].rows.length > 1) filterable(tables);
  tables.forEach(sortable);
}
