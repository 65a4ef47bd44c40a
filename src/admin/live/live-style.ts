import { portalStyle } from '../../portal/portal-style.ts'

/** That of the users' pages, wider, with charts; dark where the operator's system is. */
export const liveStyle = `${portalStyle}
:root{--ink:#1c2733;--quiet:#4a5a69;--line:#d5dce4;--card:#fff;--strong:#10263f;--grid:#e3e8ee;--link:#0f4c8a;--head:#eef3f8;
--c0:#1d7a3c;--c1:#b3261e;--c2:#d97706;--c3:#7c3aed;--c4:#0369a1;--c5:#be185d;--c6:#4d7c0f;--c7:#78716c}
.live{line-height:1.6}
.live header div,.live main{max-width:96rem}
.live header{border-top-color:#0b6b5d}
.live .service{color:#0b6b5d;font-weight:700}
.operator{margin:0;font-size:.875rem;color:var(--quiet);text-align:right;flex:1}
.operator strong{color:var(--strong)}
.live main{padding:1rem 1.25rem 2rem}
.live h1{font-size:1.375rem;margin:0;color:var(--strong);flex:1}
.live h2{margin:0 0 .6rem;font-size:1rem;color:var(--strong)}
.live h3{margin:0;font-size:.875rem;color:var(--strong)}
.live .card{padding:1rem 1.15rem;margin:0;min-width:0}
.top{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;margin:0 0 .75rem}
.top p{margin:0}
.top .button{margin:0}
.live .box{margin:0 0 .9rem;padding:.6rem 1rem}
.live .box ul{margin:.15rem 0 0;padding-left:1.2rem}
.box strong{margin-right:.5rem}
.tiles{display:grid;grid-template-columns:repeat(5,1fr);gap:.75rem;margin:0 0 .75rem}
.tiles div{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.6rem 1rem}
.tiles dt{font-size:.8125rem;color:var(--quiet)}
.tiles dd{font-size:1.5rem;line-height:1.35;font-weight:700;color:var(--strong);white-space:nowrap}
.tiles small{font-size:.75rem;font-weight:400;color:var(--quiet)}
.grid{display:grid;gap:.75rem;margin:0 0 .75rem;align-items:start}
.charts{grid-template-columns:repeat(5,minmax(0,1fr));align-items:stretch}
.small-lists{grid-template-columns:repeat(6,minmax(0,1fr))}
.small-lists>*{grid-column:span 2}
.small-lists>:nth-child(-n+2){grid-column:span 3}
.lists{grid-template-columns:minmax(0,3fr) minmax(0,2fr);align-items:stretch}
.live figure{margin:0}
.live svg{display:block;width:100%;height:5.5rem;background:linear-gradient(var(--grid),var(--grid)) 0 100%/100% 1px no-repeat;overflow:hidden}
.axis{display:flex;justify-content:space-between;font-size:.6875rem;color:var(--quiet)}
.legend{list-style:none;margin:.35rem 0 0;padding:0;font-size:.8125rem}
.legend li{display:flex;gap:.4rem;align-items:baseline}
.legend i{flex:none;width:.65rem;height:.65rem;border-radius:2px}
.legend b{margin-left:auto;font-variant-numeric:tabular-nums}
.c0{fill:var(--c0);background:var(--c0)}.c1{fill:var(--c1);background:var(--c1)}.c2{fill:var(--c2);background:var(--c2)}.c3{fill:var(--c3);background:var(--c3)}
.c4{fill:var(--c4);background:var(--c4)}.c5{fill:var(--c5);background:var(--c5)}.c6{fill:var(--c6);background:var(--c6)}.c7{fill:var(--c7);background:var(--c7)}
.scroll{overflow:auto}
.scroll:focus-visible{outline:3px solid #f0a500}
.tall{max-height:21rem}
.live table{font-size:.8125rem;line-height:1.45}
.live th{font-size:.75rem;background:var(--head);color:var(--strong);position:sticky;top:0}
.live :is(th,td){padding:.35rem .5rem;white-space:nowrap}
.live td{font-variant-numeric:tabular-nums}
.live td.wraps{white-space:normal;min-width:8rem}
.live td.number,.live th.number{text-align:right}
.live .code{font-size:.75rem}
.live .state{font-size:.75rem;line-height:1.3;white-space:nowrap}
tr.bad td{background:#fdf3f2}
tr.odd td{background:#fff9ec}
.live :is(.quiet,.hint){color:var(--quiet)}
.live .empty{margin:0;color:var(--quiet);font-size:.875rem}
.live:is(.lost,.paused) :is(.tiles,.grid){opacity:.55}
.live.lost #alarms{opacity:.55}
.live.lost #alarms.success{display:none}
.live h2 small{font-size:.75rem;font-weight:400}
.live svg .before{fill:var(--grid);opacity:.5}
@media(max-width:88rem){.charts{grid-template-columns:repeat(6,minmax(0,1fr))}.charts>*{grid-column:span 2}.charts>:nth-child(-n+2){grid-column:span 3}.lists{grid-template-columns:minmax(0,1fr)}}
@media(max-width:56rem){.live :is(.small-lists,.charts){grid-template-columns:minmax(0,1fr)}.live :is(.small-lists,.charts)>*{grid-column:auto}.tiles{grid-template-columns:repeat(3,1fr)}}
@media(max-width:36rem){.live h1{flex:1 0 100%}.tiles{grid-template-columns:repeat(2,1fr);gap:.5rem}.live main{padding:.75rem}.tiles :last-child:is(div){grid-column:1/-1}.live header div{flex-wrap:wrap}.operator{order:1;flex:1 0 100%;text-align:left}.live .name{flex:1}.live .top .button{width:auto}.tiles dd{margin:0;font-size:1.25rem}}
@media(prefers-color-scheme:dark){
:root{--ink:#dbe4ee;--quiet:#9fb0c0;--line:#33424f;--card:#17212b;--strong:#f2f6fa;--grid:#2a3641;--link:#8ec5ff;--head:#22303c;
--c0:#4ade80;--c1:#f87171;--c2:#fbbf24;--c3:#c4b5fd;--c4:#7dd3fc;--c5:#f9a8d4;--c6:#bef264;--c7:#a8a29e}
body.live{background:#0e151c;color:var(--ink)}
.live :is(header,.card){background:var(--card);border-color:var(--line)}
.live header{border-top-color:#2dd4bf}
.live .name{color:var(--strong)}
.live .service{color:#2dd4bf}
.live a{color:var(--link)}
.live :is(th,td){border-color:var(--line)}
.live h2{border-left-color:#2dd4bf}
.live .button{background:transparent;color:var(--link);border-color:var(--link)}
.live .box{background:#16222d;border-color:var(--line)}
.live .box.error{background:#3b1614;border-color:#b3261e}
.live .box.warning{background:#3a2a08;border-color:#b26a00}
.live .box.success{background:#10281a;border-color:#1d7a3c}
.live .state{border-color:var(--line);color:var(--ink)}
.live .state.valid{border-color:#1d7a3c;color:#86efac}
.live .state:is(.expired,.revoked){border-color:#f87171;color:#fca5a5}
.live .state.soon{border-color:#fbbf24;color:#fcd34d}
tr.bad td{background:#3b1614}
tr.odd td{background:#3a2a08}
}
@media print{.top .button{display:none}}
`
