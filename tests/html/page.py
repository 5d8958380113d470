#!/usr/bin/python3
"""The page of `heapdelta report`, used in a headless Chromium as people use it. Speaks TAP.

    page.py WORK_DIRECTORY

Screenshots stay in WORK_DIRECTORY/screenshots, to be looked at. How long things take is measured in
the page by bench/report.py, and not judged here.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True  # the sources may not be ours to write to
from browser import Browser, available

build = pathlib.Path(os.environ["BUILD_ROOT"])
source = pathlib.Path(os.environ["SOURCE_ROOT"])
work = pathlib.Path(sys.argv[1])
heapdelta = os.environ["HEAPDELTA"]
count = 0
failed = False

# The keys of WebDriver.
ENTER, ESCAPE, TAB, DOWN, RIGHT = "\ue007", "\ue00c", "\ue004", "\ue015", "\ue014"


def point(name, good, *remarks):
    global count, failed
    count += 1
    failed |= not good
    print(f"{'' if good else 'not '}ok {count} - {name}", flush=True)
    if not good:
        for remark in remarks:
            for line in str(remark).splitlines():
                print(f"# {line}")


def run(*command):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode()


def make(name, text=None, executable=None):
    """The snapshot that tests/cli/snapshots/NAME.txt, or TEXT, describes."""
    text = text or (source / "tests/cli/snapshots" / f"{name}.txt").read_text()
    (work / f"{name}.txt").write_text(
        text.replace("@DIR@/places", str(executable or build / "tests/cli/places")))
    run(build / "tests/support/make_snapshot", work / f"{name}.txt", work / f"{name}.hds")
    return work / f"{name}.hds"


def report(name, *snapshots):
    path = work / f"{name}.html"
    run(heapdelta, "report", "-o", path, *snapshots)
    return path


def merged_directory(snapshot):
    """Two processes."""
    place = work / "merged"
    place.mkdir()
    shutil.copy(snapshot, place)
    shutil.copy(make("child"), place)
    return place


def wide_snapshot():
    """20,000 stacks, in the places of the executable's functions and of a library without any."""
    import random
    dice = random.Random(1)
    lines = ["process program /opt/app/app", "process command app", "process elapsed 2000000000",
             "module app 0x400000-0x403000 0 @DIR@/places 0123456789abcdef0123456789abcdef01234567 1",
             "module anon 0x500000-0x600000 0x500000 /opt/app/plugin.so -", "frame f0 - 0x401000 app"]
    for i in range(1, 30000):
        # A tree that is deep here and bushy there; most frames have no name but their own. What is
        # named is near, where make_snapshot looks first.
        parent = dice.randrange(max(0, i - 500), i)
        where = f"{0x500000 + 16 * dice.randrange(4000):#x} anon" if dice.random() < 0.8 else \
            f"{0x401000 + 16 * dice.randrange(5):#x} app"
        lines.append(f"frame f{i} f{parent} {where}")
        if i % 3:
            lines.append(f"stack s{i} f{i}")
            lines.append(f"block {0x10000000 + 4096 * i:#x} {dice.randrange(16, 4000)} s{i}")
    return make("wide", "\n".join(lines) + "\n")


def hostile_snapshot(executable):
    evil = "</script><script>window.hurt=1</script><img src=x onerror=window.hurt=1>"
    note = subprocess.run(["readelf", "-n", executable], capture_output=True, text=True).stdout
    build_id = re.search(r"Build ID: ([0-9a-f]+)", note)[1]
    lines = [f"process program /opt/{evil}", f"process command app {evil}", f"process label {evil}",
             f"module app 0x400000-0x403000 0 @DIR@/places {build_id} 1",
             "module evil 0x500000-0x600000 0x500000 /x/<img/src=x/onerror=window.hurt=1> -",
             "frame f0 - 0x401000 app", "frame f1 f0 0x401010 app", "frame f2 f1 0x500100 evil",
             "stack s0 f0", "stack s1 f1", "stack s2 f2",
             f"thread 1 {evil.split()[0]}",
             "block 0x600000 100 s0", "block 0x600100 200 s1", "block 0x600200 300 s2"]
    return make("hostile", "\n".join(lines) + "\n", executable)


def check_file(path):
    text = path.read_text()
    point("the page is one file under 2 MB", len(text) < 2_000_000, len(text))
    loads = re.findall(r"(?:src|href)=[\"'](?!#)[^\"']*|@import[^;]*|url\([^)]*", text)
    point("the page names nothing to load", not loads, loads)


def check_verdict(browser, path):
    """The first screen of the leak, without a click."""
    browser.open(path)
    seen = browser.run("""
        const box = document.getElementById('verdict').getBoundingClientRect();
        return {text: document.getElementById('verdict').innerText, bottom: box.bottom, height: innerHeight,
                here: document.querySelector('.excerpt .here').innerText}""")
    text = seen["text"]
    line = next(number for number, code in enumerate(
        (source / "samples/event_handler_leak.c").read_text().splitlines(), 1)
        if "malloc(sizeof *handler)" in code)
    point("the first screen names the line", f"event_handler_leak.c:{line}" in text, text)
    point("the first screen says how much", "grew by 31.2 KiB" in text and "1000 blocks" in text, text)
    point("the first screen says who holds it", "static handlers" in text, text)
    point("the first screen shows the source", "malloc(sizeof *handler)" in seen["here"], seen)
    point("the verdict fits the first screen", seen["bottom"] <= seen["height"], seen)


def check_flame(browser):
    whole = browser.run("return document.querySelector('#stacks .status').textContent")
    point("the flame graph begins with all", whole.startswith("all"), whole)
    browser.type("#stacks input[type=search]", "registry_add")
    found = browser.run("return document.querySelector('#stacks output').textContent")
    point("search says how much it found", found.startswith("8192 B, 13 %"), found)
    browser.run("document.querySelector('#stacks input[type=search]').value = ''; heapdelta.parts.flame.search = '';"
                "heapdelta.parts.flame.find(); heapdelta.parts.flame.draw()")
    browser.run("document.querySelector('#stacks canvas').scrollIntoView({block: 'center'})")
    place = browser.run("""
        const flame = heapdelta.parts.flame, box = flame.canvas.getBoundingClientRect();
        for (let i = 1; i < flame.tree.count; i++)
          if (flame.label(i) === 'process_events')
            return [box.left + flame.left[i] * box.width + 20, box.top + flame.rowTop(flame.tree.depth[i]) + 9];""")
    browser.click_at(*place)
    zoomed = browser.run("const flame = heapdelta.parts.flame; return [flame.label(flame.zoom), document.querySelector('#stacks .status').textContent]")
    point("a click zooms", zoomed[0] == "process_events" and "process_events" in zoomed[1], zoomed)
    browser.click_at(*place)
    point("a second click goes back", browser.run("return heapdelta.parts.flame.label(heapdelta.parts.flame.zoom)") == "main")
    browser.run("document.querySelector('#stacks canvas').focus()")
    browser.press(ESCAPE)
    browser.press(DOWN, DOWN, DOWN, DOWN)
    reached = browser.run("return document.querySelector('#stacks .status').textContent")
    point("arrow keys go from caller to callee", reached.startswith("main"), reached)
    browser.press(ENTER)
    point("Enter zooms", browser.run("return heapdelta.parts.flame.label(heapdelta.parts.flame.zoom)") == "main")
    browser.press(ESCAPE)
    point("Escape shows all", browser.run("return heapdelta.parts.flame.zoom") == 0)
    browser.run("""
        const select = document.querySelector('#stacks select');
        select.value = 'blocks'; select.dispatchEvent(new Event('change'))""")
    point("another metric", browser.run("return document.querySelector('#stacks .status').textContent")
          .startswith("all · 3002 "))
    browser.click("#stacks .tools button:nth-of-type(1)")
    first = browser.run("const flame = heapdelta.parts.flame; return flame.below(0).map(node => flame.label(node))")
    point("callers begin with who allocated", first[0] == "event_handler_new", first)
    browser.click("#stacks .tools button:nth-of-type(1)")
    browser.click("#stacks .tools button:nth-of-type(2)")
    text = browser.run("return document.querySelector('#stacks .legend').innerText")
    point("the difference is coloured by what grew", "grown" in text, text)
    changed = browser.run("""const flame = heapdelta.parts.flame;
        return flame.totals[0] - flame.before[0]""")
    point("the difference is that of the snapshots", changed == 3000, changed)


def check_places(browser, snapshot, first):
    rows = json.loads(run(heapdelta, "diff", "--limit", "0", "--format", "json", first, snapshot))["rows"]
    shown = browser.run("return heapdelta.parts.places.rows.map(row => [row.size, row.count, row.size_diff, row.count_diff])")
    expected = [[row["size"], row["count"], row["size_diff"], row["count_diff"]] for row in rows]
    point("the table has the rows of diff", sorted(shown) == sorted(expected), shown, expected)
    names = "return [...document.querySelectorAll('#places tbody .name')].map(cell => cell.innerText)"
    before = browser.run(names)
    browser.click("#places thead th:nth-child(4) button")
    sizes = browser.run("return [...document.querySelectorAll('#places tbody td:nth-child(4)')].map(cell => cell.innerText)")
    point("sorting by size, largest first", sizes[0].startswith("31.2 KiB") and sizes[-1] == "4096 B", sizes)
    browser.click("#places thead th:nth-child(4) button")
    point("sorting again, smallest first", browser.run(names)[0] != before[0] and browser.run(
        "return document.querySelector('#places th:nth-child(4)').getAttribute('aria-sort')") == "ascending")
    browser.type("#places input[type=search]", "reserve")
    point("filter", all("registry_reserve" in name for name in browser.run(names)), browser.run(names))
    browser.click("#places tbody .name button")
    stack = browser.run("return [...document.querySelectorAll('#places .stack li')].map(item => item.innerText)")
    point("a row has its stack beside its source",
          "registry_reserve" in stack[0] and "realloc" in stack[0] and "main" in "".join(stack), stack)


def check_theme(browser, path):
    before = browser.run("return getComputedStyle(document.body).backgroundColor")
    browser.click("#theme")
    after = browser.run("return getComputedStyle(document.body).backgroundColor")
    point("dark and light", before != after, before, after)
    browser.open(path)
    point("the choice is remembered", browser.run("return getComputedStyle(document.body).backgroundColor") == after)
    browser.click("#theme")


def check_access(browser, path):
    browser.open(path)
    nameless = browser.run("""
        return [...document.querySelectorAll('button, input, select, canvas, svg[role], [role=img]')]
          .filter(element => !(element.getAttribute('aria-label') || element.textContent.trim()
                               || element.closest('label') || element.getAttribute('aria-labelledby')))
          .map(element => element.outerHTML.slice(0, 200))""")
    point("every control and drawing has a name", not nameless, *nameless)
    browser.run("document.activeElement.blur(); scrollTo(0, 0)")
    browser.press(TAB)
    point("the first Tab offers to skip the navigation",
          browser.run("return document.activeElement.textContent") == "Skip to the verdict")
    reached = set()
    for _ in range(60):
        browser.press(TAB)
        reached.add(browser.run("""const at = document.activeElement, part = at.closest('section, header');
            return part ? (part.id || 'header') + ' ' + at.tagName : at.tagName"""))
    wanted = {"header BUTTON", "stacks CANVAS", "stacks SELECT", "stacks INPUT", "places BUTTON"}
    point("Tab reaches what can be used", wanted <= reached, sorted(reached))
    overflow = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    point("nothing sticks out", overflow <= 0, overflow)


def screenshots(browser, name, path):
    pictures = work / "screenshots"
    pictures.mkdir(exist_ok=True)
    for theme in ("light", "dark"):
        for width in (1360, 420):
            browser.resize(width, 900)
            browser.run("localStorage.setItem('heapdelta-theme', arguments[0])", theme)
            browser.open(path)
            if width == 420:
                overflow = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                point(f"{name}: nothing sticks out of a narrow window, {theme}", overflow <= 0, overflow)
            browser.screenshot(pictures / f"{name}-{theme}-{width}.png", whole=True)
    browser.resize(1360, 900)
    browser.run("localStorage.removeItem('heapdelta-theme')")


def check_hostile(browser, path):
    browser.open(path)
    browser.click("#places tbody .name button")
    browser.run("heapdelta.parts.flame.focusOn(1)")
    text = browser.run("return document.body.innerText")
    point("hostile names are shown as they are", "<img src=x onerror=window.hurt=1>" in text, text[:2000])
    point("nothing of them is an element", browser.run(
        "return document.querySelectorAll('img, script').length") == 2 and browser.run("return !window.hurt"))
    point("a name of JavaScript's is a name like others", "__proto__" in text, text[:2000])


def check_wide(browser, path):
    browser.open(path)
    nodes = browser.run("return [heapdelta.parts.flame.profile.nodeCount, heapdelta.parts.places.rows.length]")
    point("20,000 stacks are there", nodes[0] > 20000, nodes)
    browser.type("#stacks input[type=search]", "plugin")
    found = browser.run("return document.querySelector('#stacks output').textContent")
    point("search in 20,000 stacks", "%" in found, found)
    times = browser.run("return heapdelta.times")
    print(f"# unpacked after {times['unpacked']:.0f} ms, drawn after {times['drawn']:.0f} ms")


def main():
    missing = available()
    if missing:
        print(f"1..0 # SKIP {missing}")
        return
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    run(heapdelta, "run", "--quiet", "-o", work / "leak", "--", build / "samples/event_handler_leak", "1000")
    leak = sorted((work / "leak").glob("*.hds"))
    pages = {"leak": report("leak", *leak), "one": report("one", leak[-1]),
             "plain": report("plain", make("before"), make("after")),
             "graph": report("graph", make("graph")), "empty": report("empty", make("empty")),
             "merged": report("merged", merged_directory(leak[-1])),
             "hostile": report("hostile", hostile_snapshot(build / "tests/html/hostile")),
             "wide": report("wide", wide_snapshot())}
    point("a directory with one process stands for its snapshots",
          report("directory", work / "leak").read_bytes() == pages["leak"].read_bytes())
    check_file(pages["leak"])
    check_file(pages["wide"])
    with Browser() as browser:
        check_verdict(browser, pages["leak"])
        check_flame(browser)
        check_places(browser, leak[-1], leak[0])
        check_theme(browser, pages["leak"])
        check_access(browser, pages["leak"])
        point("no word on the console", not (said := browser.console()), *said)
        check_hostile(browser, pages["hostile"])
        point("hostile: no word on the console", not (said := browser.console()), *said)
        check_wide(browser, pages["wide"])
        for name, path in pages.items():
            screenshots(browser, name, path)
            point(f"{name}: no word on the console", not (said := browser.console()), *said)
    print(f"1..{count}")
    sys.exit(failed)


main()
