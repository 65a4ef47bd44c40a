import { portalStyle } from '../../portal/portal-style.ts'

/** That of the users' pages, with what a desk needs: more width, two columns, and a search that is always there. */
export const counterStyle = `${portalStyle}
.counter header div,.counter .desk div,.counter main{max-width:80rem}
.counter header{border-top-color:#5b2a6d}
.counter .service{color:#5b2a6d;font-weight:700}
.operator{margin:0;font-size:.875rem;color:#33424f;text-align:right;flex:1}
.operator strong{color:#10263f}
.desk{background:#43204f;color:#fff}
.desk div{margin:0 auto;padding:.6rem 1.25rem}
.desk form{display:flex;gap:.6rem;align-items:center;margin:0}
.desk label{margin:0;font-size:.9375rem;white-space:nowrap}
.desk input[type=search]{flex:1;max-width:34rem;padding:.45rem .75rem;border-color:#fff}
.desk button{margin:0;padding:.4rem 1.5rem;border-color:#fff}
.columns{display:grid;grid-template-columns:minmax(0,1fr) 26rem;gap:1.25rem;align-items:start}
.counter .tools .field{flex:0 1 24rem}
.columns .card,.counter .card{padding:1.5rem 1.75rem}
.counter .columns>div>.card:last-child{margin-bottom:0}
.counter h1 .code,.counter h1 bdi{font-size:inherit}
.counter h1 small{display:block;font-size:.9375rem;font-weight:400;color:#4a5a69}
.counter dd .state{font-weight:400}
.counter table{font-size:.9375rem}
.counter td .quiet{white-space:normal}
.counter .scroll{overflow-x:auto}
.counter .act summary{color:#10263f}
.counter .act.grave summary{color:#8c1d18}
.counter .act p{font-size:.925rem}
.counter .act input[type=text],.counter .act select,.counter .act textarea,.counter .wider :is(input[type=text],select,textarea){width:100%;max-width:34rem}
textarea,.counter select{padding:.65rem .8rem;border:1px solid #6a7b8c;border-radius:6px;font:inherit;background:#fff;color:inherit}
textarea{min-height:4.5rem;resize:vertical;display:block}
:is(textarea,select)[aria-invalid]{border:2px solid #b3261e}
textarea:focus-visible{outline:3px solid #f0a500;outline-offset:2px}
.fault{margin:.3rem 0 0;color:#b3261e;font-size:.875rem;font-weight:700}
.used{display:block;width:100%;max-width:16rem;height:.75rem;margin:.35rem 0 0}
.pages{display:flex;flex-wrap:wrap;gap:.75rem;align-items:center;margin:1rem 0 0}
.pages .button{margin:0;padding:.35rem 1rem}
.history{list-style:none;margin:0;padding:0}
.history li{padding:.6rem 0;border-bottom:1px solid #e3e8ee;display:grid;grid-template-columns:11rem minmax(0,1fr);gap:.25rem 1rem}
.history li:last-child{border:0}
.history time{color:#4a5a69;font-size:.875rem}
.history p{margin:0}
.hits{list-style:none;margin:0;padding:0}
.hits li{border-bottom:1px solid #e3e8ee}
.hits a{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:baseline;padding:.6rem .5rem;text-decoration:none}
.hits a:hover{background:#f4f7fa}
.row{display:flex;flex-wrap:wrap;gap:.75rem;align-items:flex-start}
.row form{margin:0}
@media(max-width:64rem){.columns{grid-template-columns:1fr}}
@media(max-width:40rem){.operator{text-align:left}.counter header div{flex-wrap:wrap}.desk form{flex-wrap:wrap}.desk label{width:100%}.history li{grid-template-columns:1fr}}
@media print{.desk,.act{display:none}}
`
