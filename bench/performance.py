#!/usr/bin/python3
"""Makes tables and a chart of what compare.sh and event_path.py have measured.

    performance.py OUT [--write DOCS]

OUT has programs.jsonl (compare.sh), pairs.jsonl (event_path.py --json), unwind.jsonl (unwind),
live_set.jsonl and pause.jsonl (live_set.py and pause.py with --json), each of which may be missing. Prints the tables and leaves them in
OUT/performance.json. --write puts them between the markers of DOCS/performance.md,
and the chart into DOCS/performance.svg.

A ratio is the CPU time of all processes of a run to that of the native run of the same
round; the median of the rounds is shown.
"""

import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

TOOLS = {"heapdelta": "heapdelta", "recording": "heaptrack, recording only",
         "heaptrack": "heaptrack, whole", "lsan": "LSan"}
PAIRS = 4_000_000  # of pair-* in programs.sh
# What is asked for: at most this.
TARGETS = {"pair-site": 20, "pair-paths": 120, "python3": 1.20, "sqlite3": 1.20, "cc1": 1.12,
           "perl": 1.25, "xmllint": 1.35, "git": 1.05, "redis": 1.05}
PACKAGES = ["gcc-12", "libc6", "heaptrack", "python3", "sqlite3", "perl", "libxml2-utils", "git",
            "redis-tools"]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def machine(out):
    """Where it was measured, with what; OUT tells what else ran before."""
    cpu = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    versions = {}
    for package in PACKAGES:
        done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if done.returncode == 0 and done.stdout:
            versions[package] = done.stdout
    return {"cpu": cpu[1] if cpu else "unknown", "cpus": os.cpu_count(),
            "kernel": os.uname().release,
            "load": (out / "load").read_text().strip() if (out / "load").exists() else "unknown",
            "versions": versions}


def by_run(runs):
    """{program: {tool: {round: run}}}"""
    table = {}
    for run in runs:
        program, tool, number = run["name"].split("/")
        table.setdefault(program, {}).setdefault(tool, {})[int(number)] = run
    return table


def cpu(run):
    return run["user"] + run["system"]


def compare(program, tools):
    """A row: for each tool the median over the rounds, and why there is none."""
    native = tools.get("native", {})
    row = {"program": program, "target": TARGETS.get(program),
           "unit": "ns per pair" if program.startswith("pair-") else "ratio",
           "native_seconds": statistics.median(map(cpu, native.values())), "tools": {}}
    for tool, runs in tools.items():
        if tool == "native":
            continue
        good = [number for number, run in runs.items()
                if number in native and run["status"] == native[number]["status"]]
        if len(good) < len(runs):
            bad = next(run for number, run in runs.items() if number not in good)
            row["tools"][tool] = {"failure": f"no end in {bad['wall']:.0f} s" if bad["timed_out"]
                                  else f"fails ({bad['status']})"}
            continue
        values = [(cpu(runs[n]) - cpu(native[n])) / PAIRS * 1e9 if row["unit"] != "ratio"
                  else cpu(runs[n]) / cpu(native[n]) for n in good]
        row["tools"][tool] = {"median": round(statistics.median(values), 3), "rounds": len(values),
                              "least": round(min(values), 3), "most": round(max(values), 3)}
    return row


def start_up(tools):
    """What running `true` costs more than natively."""
    native = tools["native"]
    return [{"how": tool,
             "added_ms": round(1e3 * statistics.median(
                 runs[n]["wall"] - native[n]["wall"] for n in runs), 2),
             "added_cpu_ms": round(1e3 * statistics.median(
                 cpu(runs[n]) - cpu(native[n]) for n in runs), 2),
             "added_mib": round(statistics.median(
                 runs[n]["max_rss"] - native[n]["max_rss"] for n in runs) / 2**20, 2)}
            for tool, runs in tools.items() if tool != "native"]


def scaling(pairs):
    """Throughput of several threads against one, native and traced."""
    ones = {row["blocks"]: row for row in pairs
            if row["threads"] == 1 and row["path"] == "site" and row["depth"] == 20}
    return [{"threads": row["threads"], "blocks": row["blocks"],
             "native": round(row["native_pairs_per_second"]
                             / ones[row["blocks"]]["native_pairs_per_second"], 2),
             "heapdelta": round(row["heapdelta"]["pairs_per_second"]
                                / ones[row["blocks"]]["heapdelta"]["pairs_per_second"], 2)}
            for row in pairs if row["threads"] > 1 and row["blocks"] in ones]


def single_figures(live_set, pause, scaled):
    """What is measured by one figure each: (what, target, measured)."""
    rows = [(f"{row['threads']} threads on {os.cpu_count()} CPUs, blocks {row['blocks']}: pairs per second "
             "against one thread, by native's", "≥ 0.90", f"{row['heapdelta'] / row['native']:.2f}")
            for row in scaled if row["threads"] == 4 and row["blocks"] == "own"]
    rows += [(f"our memory per live block, {row['blocks']:,} of 16 to 256 bytes", "≤ 38 bytes",
              f"{row['bytes_per_block']:.1f} bytes") for row in live_set]
    rows += [(f"pause of a snapshot, counters only ({row['stacks']:,} stacks, {row['threads']} threads)",
              "≤ 1 ms", f"{row['pause_ms']:.2f} ms") for row in pause]
    rows += [(f"pause of a snapshot with the list of {row['blocks']:,} blocks", "≤ 50 ms",
              f"{row['pause_ms']:.0f} ms") for row in live_set]
    return [{"what": what, "target": target, "measured": measured} for what, target, measured in rows]


def table(head, rows):
    """A table in Markdown, aligned so that it can be read as text, too."""
    cells = [head] + [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells)]
    text = [[cell.ljust(width) if i == 0 else cell.rjust(width)
             for i, (cell, width) in enumerate(zip(row, widths))] for row in cells]
    rule = ["-" * width if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [text[0], rule, *text[1:]]) + "\n"


def shown(row, tool):
    result = row["tools"].get(tool)
    if not result:
        return "–"
    if "failure" in result:
        return result["failure"]
    return f"{result['median']:.0f} ns" if row["unit"] != "ratio" else f"{result['median']:.2f}"


def write_up(result):
    """The tables, as they stand in docs/performance.md."""
    where, text = result["machine"], ""
    if result["programs"]:
        present = [tool for tool in TOOLS if any(tool in row["tools"] for row in result["programs"])]
        text += table(
            ["", "native", "target", *[TOOLS[tool] for tool in present]],
            [[row["program"], f"{row['native_seconds']:.2f} s",
              f"≤ {row['target']} ns" if row["unit"] != "ratio" else f"≤ {row['target']:.2f}",
              *[shown(row, tool) for tool in present]] for row in result["programs"]])
        rounds = max(r.get("rounds", 0) for row in result["programs"] for r in row["tools"].values())
        text += f"\nRounds: {rounds}.\n\n"
    if result["figures"]:
        text += table(["", "target", "heapdelta"],
                      [[row["what"], row["target"], row["measured"]] for row in result["figures"]]) + "\n"
    if result["start_up"]:
        text += "What starting costs (`true`, against native):\n\n" + table(
            ["", "ms", "ms of CPU", "MiB"],
            [[{"preload": "LD_PRELOAD alone", "heapdelta": "`heapdelta run`"}[row["how"]],
              row["added_ms"], row["added_cpu_ms"], row["added_mib"]] for row in result["start_up"]])
        text += "\n"
    if result["pairs"]:
        others = [name for name in result["pairs"][0] if isinstance(result["pairs"][0][name], dict)]
        text += "What tracing adds to a pair of malloc and free, in ns of CPU time:\n\n" + table(
            ["stack", "depth", "threads", "blocks", "native", *others],
            [[row["path"], row["depth"], row["threads"], row["blocks"], f"{row['native_ns']:.1f}",
              *[f"{row[name]['added_ns']:+.1f}" for name in others]] for row in result["pairs"]])
        text += "\n"
    if result["scaling"]:
        text += "Pairs per second of several threads against one:\n\n" + table(
            ["threads", "blocks", "native", "heapdelta"],
            [[row["threads"], row["blocks"], row["native"], row["heapdelta"]]
             for row in result["scaling"]]) + "\n"
    if result["unwind"]:
        text += "One look at the whole stack, in ns of CPU time:\n\n" + table(
            ["unwinder", "depth", "frames", "median", "least"],
            [[row["unwinder"], row["depth"], row["frames"], row["ns_median"], row["ns_min"]]
             for row in result["unwind"]]) + "\n"
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    return text + (f"{where['cpu']}, {where['cpus']} CPUs, Linux {where['kernel']}, load "
                   f"{where['load']} in the minute before; {versions}.\n")


def chart(rows):
    """The ratios as bars, by a style that follows the reader's light or dark."""
    rows = [row for row in rows if row["unit"] == "ratio"]
    tools = [tool for tool in TOOLS if tool != "lsan" and any(tool in r["tools"] for r in rows)]
    values = [r["median"] for row in rows for r in row["tools"].values() if "median" in r]
    most, line, left, width = max([*values, 2]), 16, 90, 560
    y, parts = 44 + line * len(tools) // 2, []
    for index, tool in enumerate(tools):
        parts.append(f'<rect class="c{index}" x="{left + 180 * index}" y="12" width="10" height="10"/>'
                     f'<text x="{left + 180 * index + 15}" y="21">{TOOLS[tool]}</text>')
    for row in rows:
        parts.append(f'<text x="{left - 8}" y="{y + line * len(tools) / 2 + 2:.0f}" '
                     f'text-anchor="end">{row["program"]}</text>')
        for index, tool in enumerate(tools):
            result = row["tools"].get(tool, {})
            length = (result.get("median", 0)) / most * width
            parts.append(f'<rect class="c{index}" x="{left}" y="{y}" width="{length:.1f}" '
                         f'height="{line - 4}"/><text x="{left + length + 5:.1f}" y="{y + 10}">'
                         f'{shown(row, tool)}</text>')
            y += line
        y += 12
    one = left + width / most
    parts.append(f'<line x1="{one:.1f}" x2="{one:.1f}" y1="34" y2="{y - 6}"/>'
                 f'<text x="{one:.1f}" y="{y + 8}" text-anchor="middle">native</text>')
    return f'''<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 100} {y + 16}">
<title>CPU time of all processes, native = 1</title>
<style>
text {{ font: 11px sans-serif; fill: #222 }} line {{ stroke: #888; stroke-dasharray: 3 3 }}
.c0 {{ fill: #2a78d6 }} .c1 {{ fill: #c98500 }} .c2 {{ fill: #b5442e }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #ddd }} }}
</style>
{chr(10).join(parts)}
</svg>
'''


def main(out, docs):
    programs = by_run(lines(out / "programs.jsonl"))
    pairs = lines(out / "pairs.jsonl")
    result = {
        "machine": machine(out),
        "programs": [compare(name, tools) for name, tools in programs.items() if name != "true"],
        "start_up": start_up(programs["true"]) if "true" in programs else [],
        "pairs": pairs,
        "scaling": scaling(pairs),
        "figures": single_figures(lines(out / "live_set.jsonl"), lines(out / "pause.jsonl"), scaling(pairs)),
        "unwind": lines(out / "unwind.jsonl"),
    }
    (out / "performance.json").write_text(json.dumps(result, indent=1) + "\n")
    text = write_up(result)
    print(text, end="")
    if docs:
        page = docs / "performance.md"
        begin, end = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
        before, rest = page.read_text().split(begin)
        page.write_text(before + begin + "\n" + text + "\n" + end + rest.split(end)[1])
        (docs / "performance.svg").write_text(chart(result["programs"]))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 4) or (len(sys.argv) == 4 and sys.argv[2] != "--write"):
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[3]) if len(sys.argv) == 4 else None)
