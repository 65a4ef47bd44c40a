import { createHash } from 'node:crypto'

/** The one style sheet of the gateway's pages. Inline, so that a page needs no second request on a closed connection. */
export const pageStyle = `
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:#eef1f5;color:#1c2733;font:16px/1.75 "BIZ UDPGothic","Hiragino Sans","Noto Sans JP","Noto Sans CJK JP","Yu Gothic UI",Meiryo,system-ui,sans-serif;overflow-wrap:anywhere}
[lang=en]{line-height:1.6;font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans CJK JP",sans-serif}
[lang=ja]{line-break:strict;word-break:auto-phrase}
body:has(.other:target) .first,.other:not(:target){display:none}
header{background:#fff;border-top:4px solid #14477a;border-bottom:1px solid #d5dce4}
header div{max-width:44rem;margin:0 auto;padding:.85rem 1.25rem;display:flex;justify-content:space-between;align-items:center;gap:1rem}
.name{margin:0;font-weight:700;font-size:1.1rem;color:#14365c;letter-spacing:.02em}
.language{flex:none;padding:.3rem .9rem;border:1px solid #a9b8c8;border-radius:2rem;font-size:.875rem;line-height:1.5;text-decoration:none}
main{max-width:44rem;margin:0 auto;padding:1.5rem 1.25rem 2.5rem}
a{color:#0f4c8a}
a:focus-visible{outline:3px solid #f0a500;outline-offset:2px}
.card{background:#fff;border:1px solid #d5dce4;border-radius:10px;padding:1.75rem 2rem;margin:0 0 1.25rem}
.status{margin:0 0 .35rem;color:#8a4b00;font-weight:700;font-size:.925rem}
h1{margin:0 0 1rem;font-size:1.625rem;line-height:1.4;color:#10263f;text-wrap:pretty}
h2{margin:2rem 0 .75rem;padding-left:.7rem;border-left:4px solid #14477a;font-size:1.125rem;line-height:1.5;color:#10263f}
.card>h2:first-child{margin-top:0}
p{margin:0 0 .75rem}
ol.steps{margin:0;padding:0;list-style:none;counter-reset:step}
.steps li{position:relative;padding:.1rem 0 .85rem 2.6rem;counter-increment:step}
.steps li::before{content:counter(step);position:absolute;left:0;top:.15rem;width:1.75rem;height:1.75rem;border-radius:50%;background:#e3ecf6;color:#14477a;font-weight:700;font-size:.95rem;line-height:1.75rem;text-align:center}
.action{margin:1rem 0 0;padding:1.15rem 0 0;border-top:1px solid #e3e8ee}
.action p{margin:.6rem 0 0;font-size:.925rem;color:#41505f}
.action .lead{margin:0;font-weight:700;font-size:1rem;color:#1c2733}
.button{display:inline-block;margin:0 .5rem .5rem 0;padding:.7rem 1.5rem;border:2px solid #14477a;border-radius:8px;background:#fff;color:#14477a;font-weight:700;line-height:1.5;word-break:keep-all;text-decoration:none}
.primary{background:#14477a;color:#fff}
.button:hover{background:#e9f1f9}
.primary:hover{background:#0d3560;border-color:#0d3560}
ul.causes{margin:0;padding:0;list-style:none}
.causes li{padding:.85rem 0;border-top:1px solid #e3e8ee}
.causes li:first-child{border-top:0;padding-top:0}
.causes li:last-child{padding-bottom:0}
.causes strong{display:block;color:#10263f}
.causes span{display:block;color:#33424f}
dl{margin:0;display:grid;grid-template-columns:max-content 1fr;gap:.45rem 1.5rem}
dt{color:#4a5a69;font-size:.925rem}
dd{margin:0;font-weight:600;white-space:pre-line}
.code{font-family:ui-monospace,Consolas,"DejaVu Sans Mono",monospace;font-weight:600;letter-spacing:.02em}
.note{display:block;font-weight:400;font-size:.875rem;color:#4a5a69;font-family:inherit}
.certificate{margin:1.25rem 0 0;padding:1rem 1.25rem;border-radius:8px;background:#f4f7fa;border:1px solid #e0e6ed}
.certificate h2{margin:0 0 .6rem;padding:0;border:0;font-size:1rem}
.help{margin:1rem 0 0}
@media(max-width:36rem){
main{padding:1rem .75rem 2rem}
header div{padding:.7rem 1rem}
.card{padding:1.35rem 1.15rem}
h1{font-size:1.375rem}
dl{grid-template-columns:1fr;gap:0}
dd{margin:0 0 .7rem}
dd:last-child{margin-bottom:0}
:is(p,li,dd):lang(ja){word-break:normal;text-wrap:pretty}
.causes strong:lang(ja){word-break:auto-phrase}
.button{display:block;margin-right:0;text-align:center}
}
@media print{body{background:#fff}.language,.action{display:none}}
`

/** Value of Content-Security-Policy for every page of the gateway: nothing but this style sheet, and never in a frame. */
export const pageContentSecurityPolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(pageStyle).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

/** Fields to send with every page besides Content-Type and Content-Length; lower-case names. */
export const pageHeaders: readonly (readonly [name: string, value: string])[] = [
  ['cache-control', 'no-store'],
  ['content-security-policy', pageContentSecurityPolicy],
  ['referrer-policy', 'no-referrer'],
  ['vary', 'accept, accept-language'],
  ['x-content-type-options', 'nosniff'],
  ['x-robots-tag', 'noindex, nofollow'],
]
