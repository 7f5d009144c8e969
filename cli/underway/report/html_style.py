"""How the receipt's page looks."""

STYLE = """
:root { --ink: #1c2024; --faint: #60686f; --paper: #fff; --line: #d9dde1; --good: #15703c; --bad: #b3261e;
  --soft: #f3f5f7; --draining: #b9d6f2; --maintaining: #f2dfae; --verifying: #c4e3c9; --bar: #1c2024 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --faint: #9aa3ab; --paper: #14171a; --line: #343a40;
  --good: #6cc98f; --bad: #ff8a80; --soft: #1d2125; --draining: #1f4a73; --maintaining: #66521b; --verifying: #24532f;
  --bar: #e6e9ec } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem }
h1 { font-size: 1.4rem; line-height: 1.35; border-left: .3rem solid; padding-left: .8rem; overflow-wrap: anywhere }
h1.good { border-color: var(--good) } h1.bad { border-color: var(--bad) }
h2 { font-size: 1.05rem; margin: 2rem 0 .6rem }
.simulated { background: var(--maintaining); padding: .5rem .8rem; font-weight: 600 }
.figures { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.5rem 0 }
.figures div { display: flex; flex-direction: column }
.figures strong { font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums }
.figures span, .faint, time, dt { color: var(--faint) }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere }
th { font-size: .85rem; color: var(--faint); font-weight: 600; white-space: nowrap }
.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.lane { display: grid; grid-template-columns: minmax(6rem, 25%) 1fr; gap: .8rem; align-items: center;
  margin: .3rem 0 }
.lane span { overflow-wrap: anywhere }
.legend span { padding: .1rem .5rem; margin-right: .6rem }
.axis { overflow: hidden; position: relative; height: 1.7rem; background: var(--soft) }
.axis i { position: absolute; top: 0; bottom: 0; overflow: hidden; white-space: nowrap; text-overflow: ellipsis;
  font: .8rem/1.7rem system-ui, sans-serif; color: var(--bar);
  padding-left: .3rem; box-sizing: border-box; border-left: 1px solid var(--paper) }
.draining { background: var(--draining) } .maintaining { background: var(--maintaining) }
.verifying { background: var(--verifying) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.5rem; margin: 0 }
dd { margin: 0; overflow-wrap: anywhere }
pre, ol { font: .85rem/1.5 ui-monospace, monospace }
pre { background: var(--soft); padding: .7rem .9rem; white-space: pre-wrap; overflow-wrap: anywhere }
details { margin-top: 2rem } summary { cursor: pointer; font-weight: 600 }
ol { list-style: none; padding: 0; overflow-wrap: anywhere } li.bad { color: var(--bad) } li.good { color: var(--good) }
@media print { details > ol { display: block } }
"""
