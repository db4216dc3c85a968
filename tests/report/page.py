"""Checks pages of `vkift report` in a headless Chromium: desktop and phone, light and dark.

page.py PAGE RUN [PAGE RUN …] [--screenshots DIR]

Nothing is said on the console and nothing is fetched; the page does not scroll sideways; each number on it is that of the file
which it names, as far as it is shown, and no number stands there without naming one; colours have contrast; the keyboard reaches
everything and is seen; the plots' read-outs say the values of the metrics; without scripts the numbers are there too.
"""
import argparse
import json
import math
import os
import re
import sys

from browser import Browser

TAB, ENTER, LEFT = "\ue004", "\ue007", "\ue012"
failures = []


def check(holds, what):
    if not holds:
        failures.append(what)
    return holds


# --- what the files say ------------------------------------------------------------------------------------------------------


class Files:
    """The numbers of a run directory, by the places that the page names."""

    def __init__(self, run):
        self.run, self.cache = run, {}

    def read(self, name):
        if name not in self.cache:
            with open(os.path.join(self.run, name), encoding="utf-8") as f:
                if name.endswith(".jsonl"):
                    self.cache[name] = [json.loads(line) if line.strip() else {} for line in f if line.endswith("\n")]
                elif name.endswith(".json"):
                    self.cache[name] = json.load(f)
                else:
                    self.cache[name] = f.read()
        return self.cache[name]

    def column(self, key, name="metrics.jsonl"):
        return [row[key] for row in self.read(name) if row.get(key) is not None]

    def at(self, place):
        name, _, rest = place.partition(":")
        call = re.fullmatch(r"(\w+)\(([\w,/]*)\)", rest)
        if call:
            return self.derived(name, call[1], call[2].split(","))
        if name.endswith(".yaml"):
            return float(re.search(rf"^{rest}: (.*)$", self.read(name), re.M)[1])
        line, _, pointer = rest.partition("/")
        value = self.read(name)
        if name.endswith(".jsonl"):
            value = value[int(line) - 1]
        for part in (p.replace("~1", "/") for p in pointer.split("/")):
            value = value[int(part)] if isinstance(value, list) else value[part]
        return value

    def derived(self, name, what, keys):
        if name == "results.json":
            clusters = self.read(name)["clusters"]
            lower = ("perplexity", "loss", "nll")
            worse = [c for c in clusters if (c["difference"] > 0 if c["metric"] in lower else c["difference"] < 0)]
            return len({c["name"] for c in (worse if keys[0] == "worse" else clusters)})
        if what == "confusion":
            labels = json.loads(re.search(r"^labels: (.*)$", self.read("config.yaml"), re.M)[1])
            wanted = [labels[int(k)] for k in keys]
            return sum([*row.get("references", []), row["prediction"]] == wanted for row in self.read(name))
        if what == "fill":
            rows = self.read(name)["rows"]
            return rows["tokens"] / (rows["rows"] * rows["capacity"])
        if what == "share":
            return self.read(name)[keys[0]] / self.read(name)[keys[1]]
        if what == "memory_share":
            return self.read(name)["memory"][keys[0]] / self.read(name)["memory"]["device_bytes"]
        values = self.column(keys[0])
        if what == "estimate":
            return math.fsum(values) * max(r["step"] for r in self.read(name) if "loss" in r) / len(values)
        if what == "ratio":
            return math.fsum(values) / math.fsum(self.column(keys[1]))
        if keys[0] == "step":
            values = [r["step"] for r in self.read(name) if "eval_loss" not in r]
        return {"sum": math.fsum, "min": min, "max": max, "count": len, "first": lambda v: v[0], "last": lambda v: v[-1]}[what](values)


UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def shown_range(text):
    """The values that may be shown so: the number with half a unit of its last digit to either side."""
    text = text.replace("\u2212", "-").replace("\u00a0", " ").replace(",", "")
    clock = re.fullmatch(r"(\d+) (min|h) (\d\d) (s|min)", text)
    if clock:
        unit = 60 if clock[2] == "min" else 3600
        small = 1 if clock[4] == "s" else 60
        value = int(clock[1]) * unit + int(clock[3]) * small
        return value - small / 2, value + small / 2
    found = re.fullmatch(r"([+-]?\d+(?:\.(\d+))?(?:e(-?\d+))?)(?: (%|s|bytes|[KMGT]iB))?", text)
    if not found:
        return None
    unit = 0.01 if found[4] == "%" else UNITS.get(found[4], 1)
    half = 0.5000001 * 10.0 ** (int(found[3] or 0) - len(found[2] or ""))
    value = float(found[1])
    return (value - half) * unit, (value + half) * unit


# --- numbers -----------------------------------------------------------------------------------------------------------------

NUMBERS = """return [...document.querySelectorAll('data')].map(d => [d.value, d.dataset.from, d.textContent, d.checkVisibility()])"""
# Digits that name no place: marks of axes, what was typed or came from a file as words.
STRAYS = """
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
while (walker.nextNode()) {
  const parent = walker.currentNode.parentElement;
  if (/[0-9]/.test(walker.currentNode.data) && !parent.closest('data, bdi, pre, script, .x, .y, .name, .range, .readout'))
    found.push(walker.currentNode.data);
}
return found;
"""


def check_numbers(browser, files, where):
    numbers = browser.run(NUMBERS)
    check(len(numbers) >= 10, f"{where}: only {len(numbers)} numbers")
    for value, place, text, _ in numbers:
        try:
            wanted = files.at(place)
        except (KeyError, IndexError, TypeError, ValueError, OSError) as e:
            check(False, f"{where}: {place}: there is no such number ({e!r})")
            continue
        check(math.isclose(float(value), wanted, rel_tol=1e-12, abs_tol=1e-300), f"{where}: {place}: has {value}, file has {wanted}")
        limits = shown_range(text)
        check(limits is not None and limits[0] <= wanted <= limits[1], f"{where}: {place}: shows '{text}', file has {wanted}")
    for text in browser.run(STRAYS):
        check(False, f"{where}: a number that names no place: {text!r}")
    return {place for _, place, _, _ in numbers}


REQUIRED = ("base", "tuned", "difference", "low", "high", "n", "shuffled", "seen", "tokens", "seconds")


def check_complete(files, places, where):
    """Each number of results.json that the page is about is on it."""
    results = files.read("results.json")
    overall = [(f"/overall_by_metric/{i}", c) for i, c in enumerate(results.get("overall_by_metric", []))]
    if len(overall) < 2:
        overall = [("/overall", results["overall"])]
    for pointer, c in [(f"/clusters/{i}", c) for i, c in enumerate(results["clusters"])] + overall:
        wanted = [f"{pointer}/{k}" for k in REQUIRED if c.get(k) is not None]
        wanted += [f"{pointer}/left_out/{k}" for k in c.get("left_out", {})]
        wanted += [f"{pointer}/train"] if "train" in c else []
        wanted += [f"{pointer}/tasks/{i}/{k}" for i, t in enumerate(c.get("tasks", [])) for k in t if k in REQUIRED]
        for place in wanted:
            check(f"results.json:{place}" in places, f"{where}: results.json:{place} is not on the page")


def smoothed(values, i):
    """The mean around the i-th value as history.h has it."""
    n = len(values)
    half = 0 if n < 40 else (n // 40 | 1) // 2
    before, after = min(half, i), min(half, n - 1 - i)
    reach = max(min(before, after), half // 3)
    near = [v for v in values[i - min(before, reach) : i + min(after, reach) + 1] if v is not None]
    return math.fsum(near) / len(near) if near else None


def check_plots(browser, files, where):
    """What the script knows of the curves is in metrics.jsonl."""
    keys = {"loss": "loss", "learning_rate": "learning_rate", "grad_norm": "grad_norm", "rate": "target_tokens_per_second"}
    plots = json.loads(browser.run("return document.getElementById('plots').textContent"))
    for name, plot in plots.items():
        for line in plot.get("series", []):
            key = "eval_loss" if line["name"] == "evaluation" else keys[name]
            by_step = {row["step"]: row[key] for row in files.read("metrics.jsonl") if key in row}
            if line["name"] == "mean around it":
                values = list(by_step.values())
                by_step = {step: smoothed(values, i) for i, step in enumerate(by_step)}
            for x, y, shown in zip(line["x"], line["y"], line["shown"]):
                wanted = by_step[x]
                check((y is None) == (wanted is None), f"{where}: {name}: step {x}")
                if wanted is not None and check(math.isclose(y, wanted, rel_tol=1e-6), f"{where}: {name}: step {x}: {y}, {wanted}"):
                    limits = shown_range(shown)
                    check(limits[0] <= wanted <= limits[1], f"{where}: {name}: step {x}: shows {shown}, file has {wanted}")
    return plots


# --- looks -------------------------------------------------------------------------------------------------------------------

CONTRAST = """
const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
const light = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
                     return .2126 * r + .7152 * g + .0722 * b; };
const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > .99) return c; }
                      return [255, 255, 255, 1]; };
const bad = [];
for (const e of document.querySelectorAll('body *')) {
  if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
  const a = light(parse(getComputedStyle(e).color)), b = light(behind(e)), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) bad.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)} ${e.textContent.slice(0, 30)}`);
}
return bad;
"""
SMALL = """
return [...document.querySelectorAll('main *')].filter(e => e.checkVisibility() && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) &&
  parseFloat(getComputedStyle(e).fontSize) < 11.9).map(e => e.className + ' ' + e.textContent.slice(0, 30));
"""
# Text that sticks out of the window, but for what scrolls in a box of its own.
OUTSIDE = """
return [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() && !e.closest('.scroll, pre, .skip, svg')
  && e.getBoundingClientRect().width && (e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1))
  .map(e => e.tagName + '.' + e.className + ' ' + e.textContent.slice(0, 40));
"""


def check_looks(browser, where, width):
    sizes = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
    check(sizes[0] <= width and sizes[1] <= width, f"{where}: scrolls sideways: {sizes} of {width}")
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    sizes = browser.run("return document.documentElement.scrollWidth")
    check(sizes <= width, f"{where}: scrolls sideways with everything opened: {sizes} of {width}")
    for script, what in ((CONTRAST, "too little contrast"), (SMALL, "small text"), (OUTSIDE, "outside of the window")):
        for found in browser.run(script)[:5]:
            check(False, f"{where}: {what}: {found}")
    return browser.run("return getComputedStyle(document.body).backgroundColor")


# --- keyboard and pointer ------------------------------------------------------------------------------------------------------

FOCUSED = """
const e = document.activeElement;
if (!e || e === document.body) return null;
const all = [...document.querySelectorAll('*')], s = getComputedStyle(e), box = e.getBoundingClientRect();
return [all.indexOf(e), e.tagName + '.' + e.className, s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2,
        box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight];
"""
REACHABLE = """
const all = [...document.querySelectorAll('*')];
return [...document.querySelectorAll('a[href], button, summary, [tabindex="0"]')].filter(e => e.checkVisibility()).map(e => all.indexOf(e));
"""


def check_keyboard(browser, where):
    wanted, reached = browser.run(REACHABLE), []
    for _ in range(len(wanted) + 5):
        browser.press(TAB)
        found = browser.run(FOCUSED)
        if found is None or found[0] in reached:
            break
        check(found[2], f"{where}: the focus on {found[1]} is not seen")
        check(found[3], f"{where}: the focus on {found[1]} is outside of the window")
        reached.append(found[0])
    check(reached == wanted, f"{where}: Tab reached {len(reached)} places in order, expected {len(wanted)}")
    check(len(wanted) >= 5, f"{where}: only {len(wanted)} places to reach")


def check_theme(browser, where):
    colour = "return getComputedStyle(document.body).backgroundColor"
    seen = []
    browser.run("document.getElementById('theme').focus()")
    for _ in range(3):
        browser.press(ENTER)
        seen.append((browser.run("return document.documentElement.dataset.theme || 'system'"), browser.run(colour)))
    check([s[0] for s in seen] == ["light", "dark", "system"], f"{where}: themes {seen}")
    check(seen[0][1] != seen[1][1], f"{where}: light and dark are the same: {seen}")


def check_readout(browser, plots, where):
    for name, plot in plots.items():
        area = f"document.querySelector('[data-plot={name}]')"
        browser.run(f"{area}.scrollIntoView({{block: 'center'}})")
        box = browser.run(f"const b = {area}.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]")
        read = f"return {area}.nextElementSibling.textContent"
        before = browser.run(read)
        browser.point_at(box[0] + 0.4 * box[2], box[1] + box[3] / 2)
        hovered = browser.run(read)
        check(hovered and hovered != before, f"{where}: {name}: pointing at it says {hovered!r}")
        browser.run(f"{area}.focus()")
        browser.press(LEFT)
        left = browser.run(f"return {area}.getAttribute('aria-valuetext')")
        browser.press(LEFT)
        again = browser.run(f"return {area}.getAttribute('aria-valuetext')")
        check(left and again and left != again, f"{where}: {name}: the left arrow says {left!r}, then {again!r}")
        if "series" in plot:
            said = re.match(rf"{plot['x_name']} ([\d,]+)", again)
            step = float(said[1].replace(",", ""))
            first = plot["series"][0]
            shown = first["shown"][first["x"].index(step)]
            check(f"{first['name']} {shown}" in again, f"{where}: {name}: {again!r}, but step {step} has {shown}")
        browser.point_at(1, 1)


# --- a page -------------------------------------------------------------------------------------------------------------------


def check_page(browser, page, run, screenshots):
    files = Files(run)
    address = "file://" + os.path.abspath(page)
    backgrounds = {}
    for width in (1280, 360):
        for scheme in ("light", "dark"):
            where = f"{os.path.basename(run)}, {width} {scheme}"
            console, asked = browser.open(page, width, scheme)
            check(not console, f"{where}: the console says {console}")
            check(all(a == address or a.startswith("data:") for a in asked), f"{where}: asked for {asked}")
            check(browser.run("return document.querySelectorAll('img, iframe, object, link[rel=stylesheet]').length") == 0,
                  f"{where}: there is something that came from a file")
            check(browser.run("return window.intruder === undefined && document.scripts.length === 2"), f"{where}: another script")
            if screenshots:
                browser.screenshot(os.path.join(screenshots, f"{os.path.basename(run)}-{width}-{scheme}.png"))
            places = check_numbers(browser, files, where)
            if os.path.exists(os.path.join(run, "results.json")):
                check_complete(files, places, where)
            check_keyboard(browser, where)
            plots = check_plots(browser, files, where)
            check_readout(browser, plots, where)
            check_theme(browser, where)
            backgrounds[scheme] = check_looks(browser, where, width)
            late = browser.log("browser")
            check(not late, f"{where}: the console says {late}")
    check(backgrounds["light"] != backgrounds["dark"], f"{run}: light and dark are the same")
    browser.open(page, 360, "light", scripts=False)
    browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
    without = [n for n in browser.run(NUMBERS) if n[3]]
    check(len(without) >= 10, f"{run}: without scripts only {len(without)} numbers are seen")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pages", nargs="+", help="PAGE RUN, one pair after the other")
    parser.add_argument("--screenshots")
    options = parser.parse_args()
    if options.screenshots:
        os.makedirs(options.screenshots, exist_ok=True)
    with Browser() as browser:
        for page, run in zip(options.pages[::2], options.pages[1::2]):
            check_page(browser, page, run.rstrip("/"), options.screenshots)
            print(f"{os.path.basename(run.rstrip('/'))}: looked at, {len(failures)} failures so far")
    for failure in failures[:40]:
        print("FAILED:", failure)
    sys.exit(1 if failures else 0)


main()
