"use strict";
// Buttons that copy a command say so for a moment; without a clipboard they show it.
addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
  } catch {
    prompt("The command:", text);
  }
  setTimeout(() => (button.textContent = "copy"), 1500);
});
// Unpacks plotly.js, which the page carries, and draws the figures in the reader's colours.
(async () => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const boxes = Object.keys(figures).map((name) => [
    figures[name],
    document.getElementById("chart-" + name),
  ]);

  const unpack = async (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  };

  // "var(--name)" anywhere in a figure becomes the style sheet's value of the moment.
  const painted = (value, styles) => {
    if (typeof value === "string") {
      const found = /^var\((--[a-z0-9-]+)\)$/.exec(value);
      return found ? styles.getPropertyValue(found[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((item) => painted(item, styles));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, painted(item, styles)]),
    );
  };

  const draw = () => {
    const styles = getComputedStyle(document.documentElement);
    const axis = {
      gridcolor: "var(--line)",
      linecolor: "var(--line)",
      zeroline: false,
      automargin: true,
    };
    for (const [figure, box] of boxes) {
      const layout = {
        ...figure.layout,
        xaxis: { ...axis, ...figure.layout.xaxis },
        yaxis: { ...axis, ...figure.layout.yaxis },
        margin: { l: 52, r: 12, t: 12, b: 48 },
        font: { family: styles.getPropertyValue("--font").trim(), size: 12, color: "var(--ink)" },
        paper_bgcolor: "rgba(0,0,0,0)",
        plot_bgcolor: "rgba(0,0,0,0)",
        // Unless told otherwise, Plotly writes hover text in the border's colour.
        hoverlabel: {
          bgcolor: "var(--card)",
          bordercolor: "var(--line)",
          font: { color: "var(--ink)" },
          align: "left",
        },
        legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
        showlegend: true,
        // On a touch screen a drag scrolls the page.
        dragmode: matchMedia("(pointer: fine)").matches ? "zoom" : false,
      };
      const config = { displayModeBar: false, responsive: true };
      Plotly.react(box, painted(figure.data, styles), painted(layout, styles), config);
    }
  };

  try {
    const script = document.createElement("script");
    script.textContent = await unpack(document.getElementById("plotly-packed").textContent);
    document.head.append(script);
    draw();
  } catch (error) {
    for (const [, box] of boxes) {
      box.textContent = "This browser cannot draw the chart (" + error + "); the table has its data.";
      box.classList.add("failed");
    }
    return;
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  // Paper is light, whatever the screen is.
  const printing = (yes) => () => {
    document.documentElement.classList.toggle("printing", yes);
    draw();
  };
  addEventListener("beforeprint", printing(true));
  addEventListener("afterprint", printing(false));
})();
