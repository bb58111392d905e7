"""The style sheet of the page that `analyze --html` writes: light and dark, screen and paper."""

from __future__ import annotations

from mldkit.render.pictures.paper import VARIABLES

_LAYOUT = """\
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 24px 56px; }
header { margin-bottom: 20px; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 36px 0 10px; }
h2 small { font-weight: normal; color: var(--muted); margin-left: .5em; }
p { margin: 0 0 8px; }
.muted { color: var(--muted); }
.card { background: var(--paper); border: 1px solid var(--grid); border-radius: 8px; }
.answers { list-style: none; margin: 0; padding: 6px 18px; font-size: 16px; }
.answers li { padding: 9px 0; overflow-wrap: anywhere; }
.answers li + li { border-top: 1px solid var(--grid); }
.answers .error { color: var(--alarm); } .answers .warning { color: var(--older); }
.finding { padding: 12px 16px; margin-bottom: 10px; border-left: 4px solid var(--muted); }
.finding.error { border-left-color: var(--alarm); }
.finding.warning { border-left-color: var(--older); }
.finding p { margin: 4px 0 0; overflow-wrap: anywhere; }
.tag { display: inline-block; font: 600 12px/1 ui-monospace, "DejaVu Sans Mono", monospace;
  padding: 4px 7px; margin-right: 8px; border-radius: 4px; color: var(--paper);
  background: var(--muted); vertical-align: 1px; }
.error > .tag { background: var(--alarm); } .warning > .tag { background: var(--older); }
pre { margin: 4px 0; overflow-x: auto; font-size: 13px; }
details summary { cursor: pointer; color: var(--any-source); margin-top: 6px; }
.place { color: var(--muted); font-size: 13.5px; }
.scroll { overflow: auto; max-height: 70vh; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px;
  font-variant-numeric: tabular-nums; }
th { position: sticky; top: 0; background: var(--paper); text-align: left; white-space: nowrap;
  box-shadow: inset 0 -1px var(--muted); }
th, td { padding: 6px 12px; vertical-align: top; }
td { border-top: 1px solid var(--grid); white-space: nowrap; }
td.wide { white-space: normal; overflow-wrap: anywhere; min-width: 8em; }
td.number, th.number { text-align: right; }
td.address { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 12.5px; }
tr.first td { border-top: 1px solid var(--muted); }
tr.again td.same { color: transparent; }
.expiry { color: var(--alarm); }
figure { margin: 0 0 14px; padding: 14px 14px 8px; overflow-x: auto; }
figure svg { display: block; width: 100%; min-width: 640px; height: auto; }
footer { margin-top: 36px; color: var(--muted); font-size: 13px; }
@media (max-width: 820px) { main { padding: 18px 12px 40px; }
  th, td { padding: 5px 7px; } table { font-size: 12.5px; }
  td.address { font-size: 11.5px; } }
@media print { .scroll { max-height: none; overflow: visible; } th { position: static; } }
"""


def style_sheet() -> str:
    """Return the style sheet; pictures and page use the same variables."""
    light = "".join(f"--{name}: {value}; " for name, value, _ in VARIABLES.values())
    dark = "".join(f"--{name}: {value}; " for name, _, value in VARIABLES.values())
    return (
        f":root {{ color-scheme: light dark; --page: #f4f6f8; {light}}}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ --page: #0d1117; {dark}}} }}\n" + _LAYOUT
    )
