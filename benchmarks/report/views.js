"use strict";
// Everything from the data goes through textContent; nothing is ever parsed as HTML.

const strength = (weight) => Math.sqrt(Math.min(1, Math.max(0, weight ?? 0))); // small weights stay visible
const percent = (weight) => (weight === null || weight === undefined ? "–" : `${(100 * weight).toFixed(weight < 0.1 ? 1 : 0)} %`);
const STRONG = 0.62; // from here on, text on the heat is drawn in the page's colour
const VEIL = 0.82; // how dark a picture is where nobody looked
const GLOW = 0.3; // how far it is brought to white where the word looked most
const SIGMA = 0.6; // of the Gaussian that smooths a map over a picture, in cells
const [LARGE, SMALL] = [160, 64]; // pixels of a map's longer side: the picture's, a tile's

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function heat(node, weight) {
  node.classList.add("heat");
  node.classList.toggle("strong", strength(weight) > STRONG);
  node.style.setProperty("--s", strength(weight).toFixed(3));
}

// Which of the queries all panels show: chosen in one, followed by the others.
function choice() {
  const followers = [];
  return {
    position: 0,
    follow(react) { followers.push(react); },
    choose(position) { this.position = position; followers.forEach((react) => react(position)); },
  };
}

function onGold(panel, query) {
  if (!panel.gold || !panel.gold[query] || panel.gold[query].length === 0) return "";
  const mass = panel.gold[query].reduce((sum, place) => sum + (panel.weights[query][place] ?? 0), 0);
  return `, ${percent(mass)} of it on gold`;
}

function strongest(panel, query) {
  return (panel.weights[query] ?? []).reduce((most, weight) => Math.max(most, weight ?? 0), 0);
}

function summary(panel, query) {
  if (!(query in panel.weights)) return "this mechanism said fewer words";
  const word = panel.queries.length > 1 ? `“${panel.queries[query]}”: ` : "";
  return `${word}largest weight ${percent(strongest(panel, query))}${onGold(panel, query)}`;
}

function strip(panel, chosen, tile = () => []) {
  const buttons = panel.queries.map((word, position) => {
    const button = make("button", { type: "button", title: word, tabIndex: position ? -1 : 0 }, ...tile(position), make("span", { textContent: word }));
    for (const event of ["mouseenter", "click", "focus"]) button.addEventListener(event, () => chosen.choose(position));
    return button;
  });
  const row = make("div", { className: "strip" }, ...buttons);
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", `words of ${panel.mechanism}`);
  row.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    if (step) event.preventDefault();
    if (next) next.focus();
  });
  chosen.follow((position) => buttons.forEach((button, index) => {
    button.setAttribute("aria-pressed", String(index === position));
    button.tabIndex = index === Math.min(position, buttons.length - 1) ? 0 : -1;
  }));
  return row;
}

// How much of each cell's weight shows at each pixel: a Gaussian around the cell's middle, whose sum over cells is 1.
function spread(pixels, cells) {
  return Array.from({ length: pixels }, (_, pixel) => {
    const at = (pixel + 0.5) * cells / pixels - 0.5;
    const nearest = Math.min(cells - 1, Math.max(0, Math.round(at)));
    const near = Array.from({ length: cells }, (_, cell) => Math.exp(((at - nearest) ** 2 - (at - cell) ** 2) / (2 * SIGMA ** 2)));
    const sum = near.reduce((total, value) => total + value, 0);
    return near.map((value) => value / sum);
  });
}

// Weights of a grid's cells as a smooth map, row by row, whose largest value is 1.
function smooth(weights, [rows, columns], [width, height]) {
  const [across, down] = [spread(width, columns), spread(height, rows)];
  const wide = Array.from({ length: rows }, (_, row) => across.map((shares) => shares.reduce((sum, share, column) => sum + share * (weights[row * columns + column] ?? 0), 0)));
  const map = down.flatMap((shares) => across.map((_, x) => shares.reduce((sum, share, row) => sum + share * wide[row][x], 0)));
  const most = map.reduce((largest, value) => Math.max(largest, value), 0);
  return most > 0 ? map.map((value) => value / most) : map;
}

function veil(canvas, weights, [rows, columns], longest) {
  const scale = longest / Math.max(rows, columns);
  const [width, height] = [columns, rows].map((cells) => Math.max(1, Math.round(cells * scale)));
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  smooth(weights, [rows, columns], [width, height]).forEach((seen, place) => {
    const cover = VEIL * (1 - seen) + GLOW * seen;
    const light = 255 * GLOW * seen / cover;
    pixels.data.set([light, light, light, 255 * cover], 4 * place);
  });
  context.putImageData(pixels, 0, 0);
}

function goldCells(layer, gold, [rows, columns]) {
  const has = (row, column) => row >= 0 && row < rows && column >= 0 && column < columns && gold.includes(row * columns + column);
  layer.style.gridTemplate = `repeat(${rows}, 1fr) / repeat(${columns}, 1fr)`;
  layer.replaceChildren(...Array.from({ length: rows * columns }, (_, place) => {
    const [row, column] = [Math.floor(place / columns), place % columns];
    const cell = make("div");
    if (!has(row, column)) return cell;
    const edges = { t: has(row - 1, column), b: has(row + 1, column), l: has(row, column - 1), r: has(row, column + 1) };
    cell.className = ["gold", ...Object.keys(edges).filter((edge) => !edges[edge])].join(" ");
    return cell;
  }));
}

function image(source, description) {
  const picture = make("img", { src: source, alt: description });
  picture.addEventListener("load", () => picture.classList.toggle("small-picture", picture.naturalWidth < 200));
  return picture;
}

function pictureView(panel, example, chosen) {
  const [shade, layer] = [make("canvas"), make("div", { className: "gold-grid" })];
  const readout = make("p", { className: "readout" });
  const frame = make("div", { className: "canvas" }, image(example.image, panel.said), shade, layer);
  const tile = (position) => {
    const map = make("canvas");
    veil(map, panel.weights[position] ?? [], example.grid, SMALL);
    return [make("span", { className: "canvas" }, image(example.image, ""), map)];
  };
  chosen.follow((position) => {
    const known = position in panel.weights;
    veil(shade, known ? panel.weights[position] : [], example.grid, LARGE);
    goldCells(layer, (known && panel.gold && panel.gold[position]) || [], example.grid);
    readout.textContent = summary(panel, position);
  });
  return [frame, readout, strip(panel, chosen, tile)];
}

function textView(panel, _example, chosen) {
  const words = panel.memory.map((word) => make("span", { textContent: word }));
  const text = make("div", { className: "document", tabIndex: 0 });
  words.forEach((word) => text.append(word, " "));
  const readout = make("p", { className: "readout" });
  chosen.follow((position) => {
    const weights = panel.weights[position] ?? [];
    const gold = new Set((panel.gold && panel.gold[position]) || []);
    words.forEach((word, place) => {
      heat(word, weights[place]);
      word.classList.toggle("gold", gold.has(place));
      word.title = percent(weights[place]);
    });
    readout.textContent = summary(panel, position);
  });
  return panel.queries.length > 1 ? [strip(panel, chosen), text, readout] : [text, readout];
}

function matrixRow(panel, query, enter) {
  const cells = panel.weights[query].map((weight, place) => {
    const cell = make("td");
    heat(cell, weight);
    if (panel.gold && panel.gold[query] && panel.gold[query].includes(place)) cell.classList.add("gold");
    cell.addEventListener("mouseenter", () => enter(query, place));
    return cell;
  });
  const head = make("th", { scope: "row", textContent: panel.queries[query], title: panel.queries[query] });
  return make("tr", {}, head, ...cells);
}

function pointAt(panel, rows, heads, [query, place], readout) {
  rows.forEach((row, r) => [...row.cells].slice(1).forEach((cell, c) => cell.classList.toggle("at", r === query && c === place)));
  heads.forEach((head, index) => head.classList.toggle("at", index === place));
  const gold = panel.gold && panel.gold[query] && panel.gold[query].includes(place) ? " (gold)" : "";
  readout.textContent = `${panel.queries[query]} ← ${panel.memory[place]}: ${percent(panel.weights[query][place])}${gold}`;
}

function matrixView(panel, _example, chosen) {
  const readout = make("p", { className: "readout", ariaLive: "polite" });
  const heads = panel.memory.map((word) => make("th", { scope: "col", title: word }, make("span", { textContent: word })));
  let at = [0, 0];
  const enter = (query, place) => {
    at = [query, place];
    chosen.choose(query);
    pointAt(panel, rows, heads, at, readout);
  };
  const rows = panel.weights.map((_, query) => matrixRow(panel, query, enter));
  chosen.follow((position) => {
    rows.forEach((row, query) => row.classList.toggle("at", query === position));
    readout.textContent = summary(panel, position);
  });
  const table = make("table", {}, make("thead", {}, make("tr", {}, make("td"), ...heads)), make("tbody", {}, ...rows));
  const frame = make("div", { className: "scroll", tabIndex: 0, ariaLabel: `attention of ${panel.mechanism}; arrow keys read it` }, table);
  frame.setAttribute("role", "region");
  frame.addEventListener("keydown", (event) => walk(event, at, [rows.length, panel.memory.length], enter));
  return [frame, readout];
}

function walk(event, [query, place], [rows, columns], enter) {
  const step = { ArrowRight: [0, 1], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowUp: [-1, 0] }[event.key];
  if (!step || !rows || !columns) return;
  event.preventDefault();
  const within = (value, end) => Math.min(end - 1, Math.max(0, value));
  enter(within(query + step[0], rows), within(place + step[1], columns));
}
