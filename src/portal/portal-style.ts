import { pageStyle } from './page-style.ts'

/** The style sheet of the pages below /.sekisho/: that of the refusal pages, and what forms and tables need. */
export const portalStyle = `${pageStyle}
.skip{position:absolute;left:.5rem;top:-4rem;background:#fff;padding:.5rem 1rem;z-index:2}
.skip:focus{top:.5rem}
.service{display:block;font-size:.8125rem;font-weight:400;letter-spacing:0;color:#4a5a69}
:is(.way,.ways,.box) :is(p,li):lang(ja),:is(.hint,.quiet,.note,.plain li):lang(ja){word-break:normal;text-wrap:pretty}
.card>dl{margin-bottom:1rem}
.card>dl:last-child{margin-bottom:0}
nav.tabs{background:#14477a}
nav.tabs ul{max-width:44rem;margin:0 auto;padding:0 .75rem;list-style:none;display:flex;flex-wrap:wrap}
.wide header div,.wide nav.tabs ul,.wide main{max-width:64rem}
nav.tabs a{display:block;padding:.6rem .75rem;color:#fff;text-decoration:none;font-size:.9375rem;border-bottom:3px solid transparent}
nav.tabs a:hover{background:#0d3560}
nav.tabs a[aria-current]{border-bottom-color:#f0a500;font-weight:700}
.crumbs{margin:0 0 .35rem;font-size:.875rem;color:#4a5a69}
:is(input,select,button,summary,[tabindex]):focus-visible{outline:3px solid #f0a500;outline-offset:2px}
[tabindex="-1"]:focus{outline:0}
.field{margin:0 0 1.25rem}
label,.label{display:block;font-weight:700;margin:0 0 .3rem}
input:is([type=text],[type=password],[type=search]){width:100%;max-width:24rem;padding:.65rem .8rem;border:1px solid #6a7b8c;border-radius:6px;font:inherit;background:#fff;color:inherit}
input[aria-invalid]{border:2px solid #b3261e}
.hint{margin:.3rem 0 0;font-size:.875rem;color:#4a5a69}
.choice{display:flex;gap:.6rem;align-items:flex-start;font-weight:400}
.choice input{flex:none;width:1.2rem;height:1.2rem;margin:.25rem 0 0}
.choice small{display:block;color:#4a5a69}
fieldset{border:0;margin:0 0 1.25rem;padding:0}
legend{font-weight:700;padding:0;margin:0 0 .3rem}
button{font:inherit;cursor:pointer}
button.button{font-weight:700}
button[disabled]{opacity:.55;cursor:default}
.danger{background:#b3261e;border-color:#b3261e;color:#fff}
.danger:hover{background:#8c1d18;border-color:#8c1d18}
.small{padding:.25rem .8rem;font-size:.875rem;margin:0}
.box{margin:0 0 1.25rem;padding:1rem 1.25rem;border-radius:8px;border:1px solid #c9d5e1;border-left:6px solid #14477a;background:#f4f8fc}
.box>:last-child{margin-bottom:0}
.box h2{margin:0 0 .4rem;padding:0;border:0}
.box.error{border-color:#e3b3b0;border-left-color:#b3261e;background:#fdf3f2}
.box.warning{border-color:#e6cf9f;border-left-color:#b26a00;background:#fff9ec}
.box.success{border-color:#b2d6bd;border-left-color:#1d7a3c;background:#f1f9f3}
.box ol,.box ul,.plain{margin:.25rem 0 .75rem;padding-left:1.4rem}
.plain li{margin:0 0 .35rem}
.way{border:1px solid #c9d5e1;border-radius:10px;padding:1.25rem 1.5rem;margin:0 0 1rem}
.way.best{border:2px solid #14477a}
.way h2,.way h3{margin:0 0 .5rem;padding:0;border:0}
.way .button{margin-bottom:.25rem}
.badge{display:inline-block;margin:0 0 .5rem;padding:.1rem .7rem;border-radius:1rem;background:#14477a;color:#fff;font-size:.8125rem;font-weight:700}
.ways{display:grid;gap:1rem;grid-template-columns:1fr 1fr}
.ways .way{margin:0;display:flex;flex-direction:column}
.ways .way p{flex:1}
.ways .button{margin:0;text-align:center;display:block}
.ways .across{grid-column:1/-1}
details{border:1px solid #c9d5e1;border-radius:8px;margin:0 0 .75rem;background:#fff}
summary{padding:.75rem 1rem;font-weight:700;cursor:pointer;color:#0f4c8a}
details>div{padding:0 1.25rem 1rem}
pre{margin:.5rem 0;padding:.75rem 1rem;background:#10263f;color:#fff;border-radius:6px;overflow-x:auto;font:600 .875rem/1.6 ui-monospace,Consolas,"DejaVu Sans Mono",monospace;white-space:pre-wrap}
.big{font-size:1.5rem;font-weight:700;letter-spacing:.08em}
.days{font-size:1.125rem;font-weight:700}
.tools{display:flex;flex-wrap:wrap;gap:.75rem;align-items:flex-end;margin:0 0 1rem}
.tools .field{margin:0;flex:1 1 14rem}
.tools .button{margin:0}
.tools select{padding:.65rem .8rem;font:inherit;border:1px solid #6a7b8c;border-radius:6px;background:#fff}
table{width:100%;border-collapse:collapse}
caption{text-align:left;margin:0 0 .5rem;color:#4a5a69;font-size:.925rem}
th{text-align:left;background:#eef3f8;font-size:.9rem;white-space:nowrap}
th,td{padding:.6rem .7rem;border-bottom:1px solid #d5dce4;vertical-align:top}
th[aria-sort] a{color:#10263f}
td .hint{margin:0}
td.whole,td .quiet{white-space:nowrap}
.card>section:first-child>h2:first-child{margin-top:0}
tr:has(input:checked){background:#fff9ec}
td.pick{width:2.5rem}
td.pick input{width:1.25rem;height:1.25rem;margin:.2rem 0 0}
.state{display:inline-block;padding:.05rem .6rem;border-radius:1rem;border:1px solid #a9b8c8;font-size:.875rem;white-space:nowrap}
.state.valid{border-color:#1d7a3c;color:#14602e}
.state:is(.expired,.revoked,.locked,.suspended){border-color:#b3261e;color:#8c1d18}
.state:is(.soon,.unused){border-color:#b26a00;color:#7a4900}
.bar{position:sticky;bottom:0;display:flex;flex-wrap:wrap;gap:.75rem;align-items:center;padding:1rem 0;background:#fff;border-top:1px solid #d5dce4}
.bar .button{margin:0}
.bar p{margin:0;font-size:.925rem;color:#41505f;flex:1 1 16rem}
.quiet{font-size:.875rem;color:#4a5a69}
[hidden]{display:none!important}
@media(max-width:36rem){
.ways{grid-template-columns:1fr}
.way{padding:1.1rem}
.ways .button,button.button{width:100%}
.way .button{padding-inline:.75rem}
input:is([type=text],[type=password],[type=search]){max-width:none}
.rows thead{position:absolute;clip-path:inset(50%)}
.rows :is(table,tbody,td,caption){display:block}
.rows tr{display:grid;grid-template-columns:2.5rem 1fr;padding:.6rem 0;border-bottom:1px solid #d5dce4}
.rows td{border:0;padding:.1rem 0;grid-column:2;display:grid;grid-template-columns:7rem 1fr;gap:.5rem}
.rows td.pick{grid-column:1;grid-row:1/9;display:block}
.rows td::before{content:attr(data-label);color:#4a5a69;font-size:.875rem}
.rows td.pick::before{content:none}
.bar p{display:none}
.bar{padding:.6rem 0}
.state{justify-self:start;white-space:normal}
}
@media print{.tabs,.bar,.skip{display:none}}
`
