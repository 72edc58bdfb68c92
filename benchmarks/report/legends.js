// A legend's names as buttons: pointed at or focused, one shows its mechanism alone; a click keeps it so.

function alone(chart, index) {
  for (const part of chart.querySelectorAll("[data-of]")) part.classList.toggle("faded", index !== null && part.dataset.of !== String(index));
}

function pickable(chart, legend) {
  let kept = null;
  const buttons = [...legend.children].map((item, index) => {
    const button = make("button", { type: "button", title: "show alone" }, ...item.childNodes);
    button.setAttribute("aria-pressed", "false");
    for (const event of ["mouseenter", "focus"]) button.addEventListener(event, () => alone(chart, index));
    for (const event of ["mouseleave", "blur"]) button.addEventListener(event, () => alone(chart, kept));
    button.addEventListener("click", () => {
      kept = kept === index ? null : index;
      buttons.forEach((other, place) => other.setAttribute("aria-pressed", String(place === kept)));
      alone(chart, kept);
    });
    item.append(button);
    return button;
  });
}

for (const legend of document.querySelectorAll(".chart .legend")) {
  if (legend.children.length > 1) pickable(legend.closest(".chart"), legend);
}
