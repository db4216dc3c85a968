"use strict";
// The page says everything without this script: it adds the choice of the theme, and the values under the pointer.
(() => {
  const root = document.documentElement, button = document.getElementById("theme");
  const themes = ["system", "light", "dark"];
  const keep = theme => { try { localStorage.setItem("vkift-theme", theme); } catch (e) { /* no storage for this page */ } };
  const kept = () => { try { return localStorage.getItem("vkift-theme"); } catch (e) { return null; } };
  const choose = theme => {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.lastElementChild.textContent = theme;
  };
  choose(themes.includes(kept()) ? kept() : "system");
  button.hidden = false;
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme || "system") + 1) % themes.length];
    choose(next);
    keep(next);
  });

  const plots = JSON.parse(document.getElementById("plots").textContent);
  const number = value => value.toLocaleString("en-US", { maximumFractionDigits: 6 });

  // The place in xs (ascending) nearest to x.
  const nearest = (xs, x) => {
    let low = 0, high = xs.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (xs[middle] < x) low = middle; else high = middle;
    }
    return x - xs[low] <= xs[high] - x ? low : high;
  };

  // What there is to say at x: the place on the axis, a sentence, and a dot for each line.
  const atLines = (plot, x) => {
    const first = plot.series[0], at = first.x[nearest(first.x, x)], dots = [], words = [`${plot.x_name} ${number(at)}`];
    for (const line of plot.series) {
      if (!line.x.length) continue;
      const i = nearest(line.x, at);
      if (line.y[i] === null) continue;
      const elsewhere = line.x[i] !== at ? ` (${plot.x_name} ${number(line.x[i])})` : "";
      words.push(`${line.name} ${line.shown[i]}${plot.series.length > 1 && line.name === "evaluation" ? elsewhere : ""}`);
      if (!line.faint) dots.push({ x: line.x[i], y: line.y[i], colour: line.colour });
    }
    return { at, words: words.join(" · "), dots };
  };
  const atBars = (plot, x) => {
    const [from, to] = plot.box, width = (to - from) / plot.bars.length;
    const i = Math.min(plot.bars.length - 1, Math.max(0, Math.floor((x - from) / width)));
    const low = from + i * width, high = low + width;
    const range = plot.x_name.startsWith("%") ? `${number(Math.round(low))} – ${number(Math.round(high))} ${plot.x_name}`
      : width === 1 ? `${number(low)} ${plot.x_name}` : `${number(low)} – ${number(high - 1)} ${plot.x_name}`;
    return { at: low + width / 2, words: `${range} · ${number(plot.bars[i])} ${plot.y_name}`, dots: [] };
  };

  for (const area of document.querySelectorAll(".area")) {
    const plot = plots[area.dataset.plot], readout = area.nextElementSibling;
    const [x0, x1, y0, y1] = plot.box, xs = plot.bars ? plot.bars.map((_, i) => x0 + (i + .5) * (x1 - x0) / plot.bars.length) : plot.series[0].x;
    const height = y => 100 * (plot.log ? Math.log(y / y0) / Math.log(y1 / y0) : (y - y0) / (y1 - y0));
    const cursor = document.createElement("div");
    cursor.className = "cursor";
    let place = xs.length - 1, dots = [];
    const clear = () => { cursor.remove(); dots.forEach(dot => dot.remove()); dots = []; };
    const show = x => {
      const found = (plot.bars ? atBars : atLines)(plot, x);
      clear();
      cursor.style.left = `${100 * (found.at - x0) / (x1 - x0)}%`;
      area.append(cursor);
      dots = found.dots.filter(dot => dot.y >= y0 && dot.y <= y1).map(dot => {
        const mark = document.createElement("div");
        mark.className = `dot-at c${dot.colour}`;
        mark.style.left = `${100 * (dot.x - x0) / (x1 - x0)}%`;
        mark.style.bottom = `${height(dot.y)}%`;
        area.append(mark);
        return mark;
      });
      readout.textContent = found.words;
      area.setAttribute("aria-valuetext", found.words);
      area.setAttribute("aria-valuenow", String(found.at));
      place = nearest(xs, found.at);
    };
    const words = readout.textContent = plot.bars ? "" : atLines(plot, x1).words;
    // With the script a plot is a slider along its x axis.
    area.tabIndex = 0;
    area.setAttribute("role", "slider");
    area.setAttribute("aria-valuemin", String(x0));
    area.setAttribute("aria-valuemax", String(x1));
    area.setAttribute("aria-valuenow", String(x1));
    area.setAttribute("aria-valuetext", words || "use the arrow keys");
    area.addEventListener("pointermove", event => {
      const box = area.getBoundingClientRect();
      show(x0 + (x1 - x0) * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
    });
    area.addEventListener("pointerleave", () => { clear(); readout.textContent = words; });
    area.addEventListener("focus", () => { if (area.matches(":focus-visible")) show(xs[place]); });
    area.addEventListener("blur", () => { clear(); readout.textContent = words; });
    area.addEventListener("keydown", event => {
      const far = Math.max(1, Math.round(xs.length / 20));
      const to = { ArrowLeft: place - 1, ArrowRight: place + 1, ArrowDown: place - 1, ArrowUp: place + 1, PageDown: place - far, PageUp: place + far, Home: 0, End: xs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show(xs[Math.min(xs.length - 1, Math.max(0, to))]);
    });
  }
})();
