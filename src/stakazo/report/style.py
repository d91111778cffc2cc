"""How the page looks: one sheet, no fonts or pictures from elsewhere, light and dark, on paper too."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #f7f4ef; --card: #fffdfa; --ink: #1b1820; --soft: #5f5968; --line: #e2dbd2; --faint: #efe9e1;
  --accent: #c8244c; --accent-ink: #ffffff; --sound: #5244c9; --picture: #0a7d72; --shape: #a96a06; --other: #77717f;
  --band: rgba(200, 36, 76, .09); --shadow: 0 1px 2px rgba(40, 24, 40, .05), 0 10px 30px -18px rgba(40, 24, 40, .28);
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "Book Antiqua", Georgia, "Liberation Serif", serif;
  --sans: ui-sans-serif, "Inter", "Helvetica Neue", "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #121015; --card: #1a171f; --ink: #f3eff6; --soft: #aaa2b5; --line: #332d3b; --faint: #241f2b;
    --accent: #ff6384; --accent-ink: #1c0a10; --sound: #a79bff; --picture: #4fd0c0; --shape: #f2b84b; --other: #a49dad;
    --band: rgba(255, 99, 132, .13); --shadow: 0 1px 2px rgba(0, 0, 0, .4), 0 14px 34px -20px #000;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 var(--sans); font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
main, .foot { width: min(1180px, 100% - 40px); margin-inline: auto; }
h1, h2, h3, h4, p, ul, ol, dl, figure, table { margin: 0; padding: 0; }
a { color: inherit; }
a:focus-visible, summary:focus-visible, video:focus-visible, .scroll:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 4px; }
.eyebrow { font-size: 12px; font-weight: 650; letter-spacing: .14em; text-transform: uppercase; color: var(--soft); }
.soft { color: var(--soft); }
.hidden { position: absolute; width: 0; height: 0; overflow: hidden; }
.visually-hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

/* the head: what it is, and the best of it */
.hero { background: #141017; color: #f6f1f8; position: relative; overflow: hidden; isolation: isolate; }
.hero .backdrop { position: absolute; inset: -40px; width: calc(100% + 80px); height: calc(100% + 80px); z-index: -2; filter: blur(28px) saturate(1.25); opacity: .62; }
.hero::after { content: ""; position: absolute; inset: 0; z-index: -1; background: linear-gradient(100deg, rgba(16, 12, 20, .94) 0%, rgba(16, 12, 20, .80) 52%, rgba(16, 12, 20, .38) 100%); }
.hero .inner { width: min(1180px, 100% - 40px); margin-inline: auto; padding: 44px 0 52px; display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 28px 64px; align-items: end; }
.hero .eyebrow { color: #cfc5d8; }
.hero h1 { font: 600 clamp(36px, 6vw, 72px)/1.02 var(--serif); letter-spacing: -.022em; margin: 14px 0 18px; text-wrap: balance; }
.hero .facts { color: #d9d1e0; max-width: 62ch; }
.hero .best { margin-top: 34px; max-width: 60ch; }
.hero .best h2 { font: 650 18px/1.35 var(--sans); margin: 6px 0 8px; }
.hero p.score { margin-top: 22px; }
.hero .best ul { list-style: none; display: grid; gap: 5px; color: #e8e1ee; }
.hero .best li { padding-left: 18px; position: relative; }
.hero .best li::before { content: ""; position: absolute; left: 0; top: .68em; width: 8px; height: 2px; background: #ff7d99; }
.hero .player { border-radius: 18px; overflow: hidden; box-shadow: 0 30px 70px -30px #000, 0 0 0 1px rgba(255, 255, 255, .13); }
p.score { display: inline-flex; align-items: baseline; gap: 5px; font: 600 44px/1 var(--serif); letter-spacing: -.03em; color: inherit; }
.score small { font: 500 13px/1 var(--sans); letter-spacing: 0; opacity: .75; }

section { padding: 56px 0 8px; }
section > h2, .clips > h2 { font: 600 clamp(26px, 3.2vw, 36px)/1.12 var(--serif); letter-spacing: -.015em; margin-bottom: 8px; }
.lead { color: var(--soft); max-width: 68ch; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 16px; box-shadow: var(--shadow); }

/* figures */
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(138px, 1fr)); gap: 1px; background: var(--line); border: 1px solid var(--line); border-radius: 16px; overflow: hidden; margin: 24px 0; }
.figures div { background: var(--card); padding: 16px 18px; }
.figures dt { font-size: 12.5px; color: var(--soft); }
.figures dd { margin: 2px 0 0; font: 600 25px/1.2 var(--serif); letter-spacing: -.01em; }
.figures dd small { font: 500 13px var(--sans); color: var(--soft); letter-spacing: 0; }

/* the timeline */
.timeline { padding: 16px 18px 12px; }
.scroll { overflow-x: auto; overscroll-behavior-x: contain; }
.timeline svg { display: block; width: 100%; min-width: 860px; height: auto; }
.timeline text { font-family: var(--sans); font-size: 11.5px; fill: var(--soft); }
.timeline .lane-name { font-size: 12px; fill: var(--ink); font-weight: 600; }
.timeline .lane-base { stroke: var(--line); stroke-width: 1; }
.timeline .band { fill: var(--band); }
.timeline .window rect { fill: var(--accent); }
.timeline .window text { fill: var(--accent-ink); font-weight: 700; font-size: 13px; }
.timeline .window:hover rect { opacity: .85; }
.timeline .section text { fill: var(--ink); font-weight: 600; font-size: 11.5px; }
.timeline .shot { fill: var(--picture); opacity: .30; } .timeline .shot.odd { opacity: .52; }
.timeline .still-edge { fill: none; stroke: var(--card); stroke-width: 1; }
.timeline .soft-cut { fill: var(--accent); }
.timeline .energy { fill: var(--sound); opacity: .28; } .timeline .energy-line { fill: none; stroke: var(--sound); stroke-width: 1.4; }
.timeline .loudness { fill: none; stroke: var(--shape); stroke-width: 1.3; }
.timeline .motion { fill: var(--picture); opacity: .26; } .timeline .motion-line { fill: none; stroke: var(--picture); stroke-width: 1.3; }
.timeline .beat { stroke: var(--sound); stroke-width: .8; opacity: .38; } .timeline .downbeat { stroke: var(--sound); stroke-width: 1.3; }
.timeline .hook { fill: var(--sound); } .timeline .drop { fill: var(--accent); }
.timeline .face { fill: var(--accent); opacity: .85; } .timeline .focus { fill: var(--picture); opacity: .62; }
.timeline .silence { fill: var(--faint); }
.timeline .tick { stroke: var(--line); }
.keys { display: flex; flex-wrap: wrap; gap: 6px 20px; font-size: 13px; color: var(--soft); padding: 12px 2px 4px; list-style: none; }
.keys li { display: flex; align-items: center; gap: 7px; }
.keys i { width: 14px; height: 10px; border-radius: 3px; flex: none; }
details { margin-top: 12px; } summary { cursor: pointer; font-weight: 600; font-size: 14px; }
details .scroll { max-height: 420px; overflow: auto; margin-top: 10px; }

/* tables */
table { width: 100%; border-collapse: collapse; font-size: 14px; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 12.5px; padding: 6px 10px 6px 0; border-bottom: 1px solid var(--line); }
td { padding: 7px 10px 7px 0; border-bottom: 1px solid var(--faint); vertical-align: top; }
td.n, th.n { text-align: right; white-space: nowrap; }
tr:last-child td { border-bottom: 0; }

/* clips */
.clip { padding: 30px 32px 34px; margin: 26px 0; scroll-margin-top: 18px; }
.clip > header { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; gap: 8px 22px; align-items: center; }
.rank { font: 600 56px/.9 var(--serif); letter-spacing: -.04em; color: var(--accent); min-width: .7em; }
.clip h3 { font: 600 25px/1.2 var(--serif); letter-spacing: -.01em; }
.clip header div p { color: var(--soft); font-size: 14.5px; margin-top: 2px; }
.filmstrip { margin: 22px 0 26px; border-radius: 10px; overflow: hidden; background: #141017; }
.filmstrip img { display: block; width: 100%; height: auto; }
.columns { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 7fr); gap: 30px 44px; align-items: start; }
.clip h4 { font: 650 13px/1.3 var(--sans); letter-spacing: .02em; margin-bottom: 10px; }
.reasons { list-style: none; display: grid; gap: 10px; }
.reasons li { padding-left: 20px; position: relative; }
.reasons li::before { content: ""; position: absolute; left: 0; top: .66em; width: 10px; height: 2px; background: var(--accent); }
.inside { margin-top: 24px; }
.inside svg { display: block; width: 100%; height: auto; }
.inside text { font: 11px var(--sans); fill: var(--soft); }
.stack { display: flex; height: 26px; border-radius: 7px; overflow: hidden; background: var(--faint); gap: 1px; }
.stack span { display: block; min-width: 2px; }
.sound { background: var(--sound); } .picture { background: var(--picture); } .shape { background: var(--shape); } .other { background: var(--other); }
.parts td { padding-block: 6px; }
.parts .swatch { display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 8px; }
.parts .name { white-space: nowrap; font-weight: 600; }
.parts .why { color: var(--soft); }
.parts tfoot td { border-top: 1px solid var(--line); border-bottom: 0; font-weight: 700; padding-top: 9px; }
.meter { display: inline-block; width: 46px; height: 6px; border-radius: 3px; background: var(--faint); vertical-align: middle; margin-left: 8px; overflow: hidden; }
.meter i { display: block; height: 100%; }

.variants { --tall: 300px; display: flex; flex-wrap: wrap; gap: 26px 20px; margin-top: 14px; align-items: flex-start; }
.variant { display: grid; gap: 10px; min-width: 0; width: calc(var(--tall) * var(--shape)); }
.variant.wide { order: -1; }
.player { position: relative; background: #141017; border-radius: 12px; overflow: hidden; }
.player video { position: relative; display: block; width: 100%; height: 100%; object-fit: contain; background: #141017; }
.variant h5 { margin: 0; font: 650 15px/1.3 var(--sans); }
.variant p { font-size: 13px; color: var(--soft); line-height: 1.45; }
.variant a { text-underline-offset: 3px; }
.crops { display: grid; grid-template-columns: repeat(auto-fill, minmax(240px, 1fr)); gap: 22px; margin-top: 14px; }
.crops figcaption { font-size: 13px; color: var(--soft); margin-top: 7px; line-height: 1.45; }
.crops svg { display: block; width: 100%; height: auto; border-radius: 10px; background: #141017; }
.crop-shade { fill: rgba(10, 7, 14, .58); } .crop-box { fill: none; stroke: #fff; stroke-width: 2.5; }
.crop-ghost { fill: none; stroke: #fff; stroke-width: 1; opacity: .42; } .crop-way { fill: none; stroke: #ff7d99; stroke-width: 3; stroke-linecap: round; stroke-linejoin: round; }
.crop-dot { fill: #ff7d99; }
.block { margin-top: 30px; padding-top: 24px; border-top: 1px solid var(--line); }
.failure { color: var(--accent); font-size: 14px; }

.checks { list-style: none; display: grid; gap: 0; margin-top: 20px; padding: 6px 24px; }
.checks li { padding: 11px 0; border-bottom: 1px solid var(--faint); display: grid; grid-template-columns: minmax(110px, 190px) 1fr; gap: 16px; }
.checks li:last-child { border: 0; } .checks b { font-weight: 600; }
.made { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(320px, 100%), 1fr)); gap: 22px; margin-top: 20px; }
.made .card { padding: 20px 24px; } .made h3 { font: 650 15px var(--sans); margin-bottom: 8px; }
.bar { display: block; height: 7px; border-radius: 4px; background: var(--sound); margin-top: 6px; min-width: 2px; }
.empty { padding: 26px 28px; margin-top: 20px; color: var(--soft); }
.foot { color: var(--soft); font-size: 13.5px; padding: 44px 0 60px; }

@media (max-width: 900px) { .columns { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 760px) {
  .hero .inner { grid-template-columns: minmax(0, 1fr); padding: 30px 0 36px; }
  .hero .player { justify-self: center; }
  .clip { padding: 22px 18px 26px; } .clip > header { grid-template-columns: auto minmax(0, 1fr); }
  .clip > header p.score { grid-column: 1 / -1; font-size: 34px; } .rank { font-size: 44px; }
  .variants { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 20px 14px; } .variant { width: auto; } .variant.wide { grid-column: span 2; }
  .filmstrip { overflow-x: auto; } .filmstrip img { width: auto; max-width: none; height: 96px; }
  .parts .why { display: block; } .parts td.reason, .parts th.reason { display: none; }
  .parts tr.below td { display: table-cell; } section { padding-top: 42px; }
  .checks { padding-inline: 18px; } .checks li { grid-template-columns: minmax(0, 1fr); gap: 0; }
}
@media (min-width: 761px) { .parts tr.below { display: none; } }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --faint: #e8e8e8; --accent: #b01a40; --sound: #4034b0; --picture: #0a6b62; --shape: #8c5804; --band: rgba(200, 36, 76, .10); }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; box-shadow: none !important; }
  .clip, .variant, .timeline, .made .card { break-inside: avoid-page; } .clip { break-before: auto; }
  details { display: none; } .hero { color: #000; background: #fff; } .hero .backdrop, .hero::after { display: none; } .hero .facts, .hero .eyebrow, .hero .best ul { color: #333; }
}
"""
