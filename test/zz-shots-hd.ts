import { writeFileSync, mkdirSync } from 'node:fs'
import { deflateSync, inflateSync, crc32 } from 'node:zlib'
const root='/work/main'
const { claimBrowserPolicy, startBrowser } = await import(root+'/test/helpers/browser.ts')
const { startDemoGateway } = await import(root+'/test/integration/browser/demo-gateway.ts')
const policy = await claimBrowserPolicy(); const demo = await startDemoGateway()
const out = root+'/.github/screenshots'; mkdirSync(out,{recursive:true})
const a = demo.authority
const squeeze = (png)=>{ let at=8, idat=[], head=[], tail=[]; while(at<png.length){ const len=png.readUInt32BE(at), type=png.toString('latin1',at+4,at+8), chunk=png.subarray(at,at+12+len); if(type==='IDAT') idat.push(png.subarray(at+8,at+8+len)); else if (type==='IHDR') head.push(chunk); else if(type==='IEND') tail.push(chunk); at+=12+len }
 const w=png.readUInt32BE(16), ct=png[25]; const bpp= ct===6?4:3; const raw=inflateSync(Buffer.concat(idat)); const stride=w*bpp+1, h=raw.length/stride
 // unfilter
 const px=Buffer.alloc(h*w*bpp); for(let y=0;y<h;y++){ const f=raw[y*stride]; for(let x=0;x<w*bpp;x++){ const v=raw[y*stride+1+x], L=x>=bpp?px[y*w*bpp+x-bpp]:0, U=y?px[(y-1)*w*bpp+x]:0, UL=y&&x>=bpp?px[(y-1)*w*bpp+x-bpp]:0; let p=0; if(f===1)p=L; else if(f===2)p=U; else if(f===3)p=(L+U)>>1; else if(f===4){const q=L+U-UL,da=Math.abs(q-L),db=Math.abs(q-U),dc=Math.abs(q-UL); p=da<=db&&da<=dc?L:db<=dc?U:UL} px[y*w*bpp+x]=(v+p)&255 } }
 let best; for (const f of [0,2]) { const o=Buffer.alloc(h*(w*3+1)); for(let y=0;y<h;y++){ o[y*(w*3+1)]=f; for(let x=0;x<w;x++) for(let c=0;c<3;c++){ const v=px[(y*w+x)*bpp+c], u=y?px[((y-1)*w+x)*bpp+c]:0; o[y*(w*3+1)+1+x*3+c]= f===2?(v-u)&255:v } } const z=deflateSync(o,{level:9,memLevel:9}); if(!best||z.length<best.length) best=z }
 const chunk=(type,data)=>{ const b=Buffer.alloc(12+data.length); b.writeUInt32BE(data.length,0); b.write(type,4,'latin1'); data.copy(b,8); b.writeUInt32BE(crc32(b.subarray(4,8+data.length)),8+data.length); return b }
 const ih=Buffer.from(head[0].subarray(8,21)); ih[9]=2
 return Buffer.concat([png.subarray(0,8),chunk('IHDR',ih),chunk('IDAT',best),chunk('IEND',Buffer.alloc(0))]) }
const save = async (page,name)=>{ const png=squeeze(await page.screenshot()); writeFileSync(`${out}/${name}.png`,png); console.log(name,png.length) }
const u = (n)=>({file:`${root}/certs/demo/users/${n}.p12`,password:'sekisho'})
try {
 const b = await startBrowser({policy,authorities:[a.certificate,a.alternate],rootCa:root+'/certs/demo/root-ca.pem',certificates:[u('user01'),u('user06')],choices:{[a.certificate]:'user01',[a.alternate]:'user06'}})
 const p = await b.open(); await p.setViewportSize({width:1000,height:640})
 await p.goto(`https://${a.certificate}/`); await save(p,'login-ja')
 await p.fill('#password','sekisho-demo'); await p.keyboard.press('Enter'); await p.locator('#feed li').waitFor(); await p.locator('#feed-state',{hasText:/\d:\d\d/}).waitFor()
 await p.setViewportSize({width:1000,height:760}); await save(p,'top-ja')
 const q = await b.open({viewport:'phone'}); await q.goto(`https://${a.alternate}/`); await q.setViewportSize({width:390,height:960}); await save(q,'denied-ja-phone')
 await b.close()
} finally { policy.release(); await demo.stop() }
