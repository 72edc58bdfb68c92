// The explorer of each task, and the theme; what draws one mechanism's attention stands before it.

const VIEWS = { picture: pictureView, text: textView, matrix: matrixView };

function panelView(panel, example, chosen) {
  const score = make("p", { className: "score", textContent: [`seed ${panel.seed}`, panel.score, panel.place].filter(Boolean).join(" · ") });
  const view = example.kind === "picture" && !example.image ? () => [make("p", { className: "readout", textContent: "no picture was kept" })] : VIEWS[example.kind];
  const said = make("p", { className: "said", textContent: panel.said || "(said nothing)" });
  const head = make("h4", { textContent: panel.mechanism });
  const looked = make("div", { className: "view" }, ...view(panel, example, chosen));
  return make("div", { className: `panel ${panel.colour}` }, head, score, said, looked);
}

function shared(example) {
  const lines = example.truth.map((text) => make("p", { textContent: text }));
  const truth = make("div", { className: "truth" }, make("p", { className: "label", textContent: "truth" }), ...lines);
  const parts = example.kind === "picture" && example.image ? [image(example.image, "the picture without attention")] : [];
  if (example.kind === "text" && example.panels[0].queries.length === 1) {
    const asked = make("p", { textContent: example.panels[0].queries[0] });
    parts.push(make("div", { className: "truth" }, make("p", { className: "label", textContent: "question" }), asked));
  }
  return make("div", { className: "shared" }, ...parts, truth);
}

function ramp(picture) {
  const shown = picture ? [0, 0.25, 0.5, 0.75, 1] : [0, 0.01, 0.1, 0.25, 0.5, 1];
  const steps = shown.map((share) => {
    const step = make("i", { textContent: String(share) });
    if (!picture) heat(step, share);
    else { step.style.setProperty("--s", String(share)); step.classList.toggle("dim", share < 0.5); }
    return step;
  });
  return make("span", { className: picture ? "ramp veil" : "ramp" }, ...steps);
}

function key({ kind, panels }) {
  const gold = make("span", {}, make("span", { className: "box" }), kind === "text" ? "underlined: gold, where the evidence is" : "outlined: gold, where it should look");
  const scale = kind === "picture"
    ? make("span", {}, "weight", ramp(true), "as a share of the word's largest, which stands below the map; smoothed")
    : make("span", {}, "weight", ramp(false), "the same scale for all mechanisms, even in √weight");
  const known = panels.some((panel) => (panel.gold ?? []).some((places) => places.length > 0));
  return make("div", { className: "key" }, scale, ...(known ? [gold] : []));
}

// The first query that has gold says more than the first one.
function telling(panel) {
  const found = (panel.gold ?? []).findIndex((places) => places.length > 0);
  return Math.max(0, found);
}

// One button a mechanism, which shows or hides its panel in every example.
function mechanisms(examples, hidden, changed) {
  const names = [...new Set(examples.flatMap((example) => example.panels.map((panel) => panel.mechanism)))];
  const buttons = names.map((name) => {
    const button = make("button", { type: "button", textContent: name });
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      if (!hidden.delete(name)) hidden.add(name);
      button.setAttribute("aria-pressed", String(!hidden.has(name)));
      changed();
    });
    return button;
  });
  const row = make("div", { className: "toolbar picks", ariaLabel: "mechanisms that are shown" }, ...buttons);
  row.setAttribute("role", "group");
  return names.length > 1 ? [row] : [];
}

function explorer(host, examples) {
  const body = make("div");
  const hidden = new Set();
  const select = make("select", { ariaLabel: `example of ${host.dataset.title}` }, ...examples.map((example, index) =>
    make("option", { value: String(index), textContent: `${example.number}: ${(example.truth[0] ?? "").slice(0, 70)}` })));
  const show = (index) => {
    const example = examples[index];
    const chosen = choice();
    const seen = example.panels.filter((panel) => !hidden.has(panel.mechanism));
    const panels = seen.map((panel) => panelView(panel, example, chosen));
    body.replaceChildren(shared(example), make("div", { className: `panels ${example.kind}` }, ...panels), key(example));
    select.value = String(index);
    chosen.choose(telling(example.panels[0]));
  };
  const step = (by) => show((Number(select.value) + by + examples.length) % examples.length);
  const [before, after] = [["‹ previous", -1], ["next ›", 1]].map(([text, by]) => {
    const button = make("button", { type: "button", textContent: text });
    button.addEventListener("click", () => step(by));
    return button;
  });
  select.addEventListener("change", () => show(Number(select.value)));
  host.replaceChildren(make("div", { className: "toolbar" }, before, after, select), ...mechanisms(examples, hidden, () => show(Number(select.value))), body);
  show(0);
}

function themeButton(button) {
  const themes = ["automatic", "light", "dark"];
  const set = (theme) => {
    button.textContent = `theme: ${theme}`;
    if (theme === "automatic") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };
  let now = themes.includes(location.hash.slice(1)) ? location.hash.slice(1) : "automatic";
  button.addEventListener("click", () => { now = themes[(themes.indexOf(now) + 1) % themes.length]; set(now); });
  button.hidden = false;
  set(now);
}

themeButton(document.getElementById("theme"));
const data = JSON.parse(document.getElementById("data").textContent);
for (const host of document.querySelectorAll("[data-explorer]")) explorer(host, data[Number(host.dataset.explorer)]);
