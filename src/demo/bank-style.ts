import { digestOf, feedScript, tickerScript } from './bank-scripts.ts'

/** The sample bank's style sheet. */
export const bankStyle = `
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:#f2f5f8;color:#1c2733;font:16px/1.7 "BIZ UDPGothic","Hiragino Sans","Noto Sans JP","Noto Sans CJK JP","Yu Gothic UI",Meiryo,system-ui,sans-serif;overflow-wrap:anywhere}
:lang(en){font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK JP",sans-serif;line-height:1.55}
:lang(ja){line-break:strict;word-break:auto-phrase}
.wide{max-width:66rem;margin:0 auto;padding:0 1.25rem}
header{background:#fff;border-bottom:1px solid #d5dce4}
header .wide{display:flex;align-items:center;gap:.9rem;min-height:4.25rem;padding-top:.6rem;padding-bottom:.6rem}
.emblem{flex:none;width:2.5rem;height:2.5rem}
.brand{margin:0;flex:1;line-height:1.3;font-weight:700;font-size:1.2rem;color:#14365c}
.brand a{color:inherit;text-decoration:none}
.brand small{display:block;font-weight:400;font-size:.8125rem;color:#4a5a69}
.tools{display:flex;align-items:center;gap:.6rem}
.tools form{margin:0}
.pill{display:inline-block;padding:.35rem 1rem;border:1px solid #a9b8c8;border-radius:2rem;background:#fff;color:#0f4c8a;font:inherit;font-size:.875rem;line-height:1.5;text-decoration:none;cursor:pointer;white-space:nowrap}
.band{background:#14477a;background-image:linear-gradient(100deg,#0f3a66,#1b5c99);color:#fff}
.band .wide{padding-top:1.6rem;padding-bottom:1.6rem}
.band h1{margin:0;font-size:1.6rem;line-height:1.4}
.band p{margin:.35rem 0 0;color:#dde9f5}
main.wide{padding-top:1.5rem;padding-bottom:2rem}
.cards{display:grid;gap:1.25rem;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr))}
.card{display:flex;flex-direction:column;background:#fff;border:1px solid #d5dce4;border-radius:10px;padding:1.5rem;margin:0 0 1.25rem;min-width:0}
.cards .card{margin:0}
.cards+*{margin-top:1.25rem}
.card>p:last-child,.card>ol:last-child,.card>ul:last-child,.card>dl:last-child{margin-bottom:0}
.main{border-top:4px solid #14477a}
.narrow{max-width:30rem;margin-left:auto;margin-right:auto}
.text{max-width:46rem;margin-left:auto;margin-right:auto}
h2{margin:0 0 .75rem;font-size:1.125rem;line-height:1.45;color:#10263f}
p{margin:0 0 .85rem}
a{color:#0f4c8a}
:is(a,button,input):focus-visible{outline:3px solid #f0a500;outline-offset:2px}
.button{display:block;margin:auto 0 0;width:100%;padding:.75rem 1.5rem;border:2px solid #14477a;border-radius:8px;background:#14477a;color:#fff;font:inherit;font-weight:700;line-height:1.5;text-align:center;text-decoration:none;cursor:pointer;word-break:keep-all}
.button:hover{background:#0d3560;border-color:#0d3560}
.plain{background:#fff;color:#14477a}
.plain:hover{background:#e9f1f9;border-color:#14477a}
.card>.button:not(:first-child){margin-top:auto}
.spaced{margin-top:1rem!important}
label{display:block;margin:1rem 0 .3rem;font-weight:700}
input{width:100%;padding:.7rem .85rem;border:1px solid #7d8d9d;border-radius:8px;background:#fff;color:inherit;font:inherit;font-size:1.0625rem}
input[readonly]{border-color:#d5dce4;background:#eef3f8;font-weight:700;letter-spacing:.03em}
.hint{margin:.35rem 0 0;font-size:.875rem;color:#4a5a69}
form .button{margin-top:1.5rem}
form label:first-child{margin-top:0}
.between{margin:1rem 0 1.25rem;font-size:.925rem;color:#4a5a69}
.notice{margin:0 0 1.25rem;padding:.85rem 1.1rem;border:1px solid #e2b25a;border-left-width:5px;border-radius:8px;background:#fff8e8;color:#5f3d00}
.wrong{border-color:#d99393;background:#fdf1f0;color:#7a1c1c}
dl{margin:0;display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1.25rem}
dt{color:#4a5a69;font-size:.925rem}
dd{margin:0;font-weight:600;white-space:pre-line}
.code{font-family:ui-monospace,Consolas,"DejaVu Sans Mono",monospace}
table{width:100%;border-collapse:collapse}
th{padding:.3rem .5rem;border-bottom:2px solid #d5dce4;text-align:left;font-weight:600;font-size:.875rem;color:#4a5a69}
td{padding:.6rem .5rem;border-bottom:1px solid #e6ebf0}
tr:last-child td{border-bottom:0}
:is(th,td):last-child{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td:last-child{font-weight:600}
.day{white-space:nowrap;color:#4a5a69;font-size:.925rem}
ol,ul{margin:0 0 .85rem;padding-left:1.4rem}
li{margin:.3rem 0}
.feed{list-style:none;padding:0;min-height:6.5rem}
.feed li{padding:.35rem 0;border-bottom:1px solid #e6ebf0}
.live{font-size:.925rem;color:#1b6b3a;font-weight:700}
.live.off{color:#9b1c1c}
.live:empty{display:none}
.rates{grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.5rem 1.25rem;margin-bottom:.85rem}
.rates dd{margin:0;font-size:1.375rem;line-height:1.4;font-variant-numeric:tabular-nums}
.move{margin-left:.25em;font-size:.6em;vertical-align:.2em}
.up{color:#9b1c1c}
.down{color:#14477a}
footer{border-top:1px solid #d5dce4;background:#fff;color:#4a5a69;font-size:.8125rem}
footer .wide{padding-top:1rem;padding-bottom:1.25rem}
footer p{margin:0}
dl.stacked{grid-template-columns:1fr;gap:0}
.stacked dd:not(:last-child){margin-bottom:.55rem}
@media(max-width:40rem){
.wide{padding-left:.9rem;padding-right:.9rem}
header .wide{flex-wrap:wrap;gap:.4rem .7rem}
.brand{flex:1 0 auto;max-width:calc(100% - 2.8rem);font-size:1.05rem}
.tools{margin-left:auto}
:is(p,li,dd):lang(ja){word-break:normal;text-wrap:pretty}
.brand small{font-size:.75rem}
.emblem{width:2.1rem;height:2.1rem}
.band h1{font-size:1.3rem}
.band .wide{padding-top:1.1rem;padding-bottom:1.1rem}
.card{padding:1.2rem 1.1rem}
dl{grid-template-columns:1fr;gap:0}
dd{margin:0 0 .55rem}
dd:last-child{margin-bottom:0}
.pill{padding:.3rem .75rem}
}
`

const allowed = (...texts: string[]) => texts.map((text) => `'${digestOf(text)}'`).join(' ')

/**
 * Fields sent with every page of the sample bank. `connect-src 'self'` covers the WebSocket as well (CSP Level 3, 6.7.2.8). The referrer policy keeps `Origin` on our own forms: with
 * `no-referrer` browsers would send `Origin: null`.
 */
export const bankPageHeaders: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': `default-src 'none'; style-src ${allowed(bankStyle)}; script-src ${allowed(feedScript, tickerScript)}; img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'Content-Type': 'text/html; charset=utf-8',
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
}
