"""How the page looks: on a phone, on a screen, enlarged, in the dark, and on paper."""

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1b; --muted: #55555a; --grid: #c8c8cc; --paper: #fff; --soft: #f1f3f5;
  --calm: #00568f; --late: #b03a02; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #f0f0f2; --muted: #b9b9c0; --grid: #55555c; --paper: #17181b; --soft: #24262b;
    --calm: #7cc0f2; --late: #ff9a66; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui, "Segoe UI", Roboto,
  Helvetica, Arial, sans-serif; overflow-wrap: break-word; }
main { max-width: 66rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.45rem; line-height: 1.25; margin: 2.75rem 0 .5rem; padding-top: .75rem;
  border-top: 3px solid var(--ink); }
h3 { font-size: 1.1rem; line-height: 1.3; margin: 1.5rem 0 .25rem; }
p, ul { max-width: 42rem; margin: .5rem 0; }
.when { color: var(--muted); }
.note { border-left: 4px solid var(--late); padding: .5rem .75rem; background: var(--soft); max-width: 42rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 11rem), 1fr)); gap: .75rem;
  margin: 1rem 0; padding: 0; }
.tiles > div { background: var(--soft); padding: .75rem 1rem; border-radius: .375rem; }
dt { font-weight: 600; } dd { margin: 0; }
.big { font-size: 1.5rem; line-height: 1.25; font-weight: 700; display: block; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr)); gap: 1rem 2.5rem; }
.cards > section { min-width: 0; }
figure { margin: .75rem 0 1rem; max-width: 30rem; }
figcaption { font-size: .9375rem; margin-bottom: .375rem; }
svg { display: block; width: 100%; height: auto; font-family: inherit; }
svg text { font-family: system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif !important; }
.key { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; font-size: .9375rem; }
.key span { display: inline-block; min-width: 1.4em; font-weight: 700; }
.late { color: var(--late); } .calm { color: var(--calm); }
.wide { overflow-x: auto; margin: .5rem 0 1rem; }
table { border-collapse: collapse; font-size: .9375rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .25rem 0; }
th, td { padding: .3rem .7rem .3rem 0; text-align: right; vertical-align: top; border-bottom: 1px solid var(--grid); }
th:first-child, td:first-child { text-align: left; }
tbody th { font-weight: 400; }
summary { cursor: pointer; font-size: .9375rem; padding: .25rem 0; }
a { color: var(--calm); }
:focus-visible { outline: 3px solid var(--calm); outline-offset: 2px; }
@page { size: A4; margin: 16mm 15mm; }
@media print {
  html { font-size: 10pt; } main { max-width: none; padding: 0; }
  .cards { grid-template-columns: 1fr 1fr; gap: .5rem 1.5rem; }
  .big { font-size: 1.3rem; }
  figure { max-width: 11.5cm; } .cards figure { max-width: 100%; }
  h2, h3, figcaption { break-after: avoid; } figure, tr, .tiles > div, .note { break-inside: avoid; }
  .wide { overflow: visible; } details:not([open]) { display: none; } a { color: inherit; text-decoration: none; }
}
"""
