"use strict";
const run=JSON.parse(document.getElementById("run").textContent);
const $=id=>document.getElementById(id),NS="http://www.w3.org/2000/svg";
const KINDS=["pdu","probe","disk","fault","state","fail"];
const state={mode:"event",zoom:1,words:[],kinds:new Set(KINDS),conn:"",chosen:-1};
const events=run.events;const owners=new Map();
events.forEach((e,i)=>{e.i=i;if(e.g)owners.set(e.g,e);e.text=(e.n+" "+(e.s||"")+" "+(e.f||[]).map(f=>f.join("=")).join(" ")+" "+(run.lanes[e.l]?run.lanes[e.l].name:"")).toLowerCase()});
const last=events.reduce((m,e)=>Math.max(m,e.t,e.r||0,e.e||0),0);

function when(ns){
  if(ns===0)return"0";
  const s=ns/1e9;
  if(s>=1)return s.toFixed(6).replace(/0+$/,"").replace(/\.$/,"")+" s";
  if(ns>=1e6)return(ns/1e6).toFixed(3).replace(/\.?0+$/,"")+" ms";
  return(ns/1e3).toFixed(3).replace(/\.?0+$/,"")+" \u00b5s";
}
function el(name,attributes,parent,text){
  const e=document.createElementNS(NS,name);
  for(const k in attributes)e.setAttribute(k,attributes[k]);
  if(text!==undefined)e.textContent=text;
  if(parent)parent.appendChild(e);
  return e;
}
/* Where the lanes are. */
const GUTTER=118,DISK=104;
const conns=run.lanes.map((l,i)=>i).filter(i=>run.lanes[i].kind==="conn"),disks=run.lanes.map((l,i)=>i).filter(i=>run.lanes[i].kind==="disk");
const SPAN=conns.length<2?430:270,NOTE=128,COLUMN=SPAN+NOTE+36;
const place={};
let x=GUTTER;
for(const i of conns){place[i]={x,a:x+16,b:x+16+SPAN,w:COLUMN};x+=COLUMN}
for(const i of disks){place[i]={x,w:DISK};x+=DISK}
const WIDTH=Math.max(x+12,600);

function passes(e){
  if(e.k==="fail")return true;
  if(!state.kinds.has(e.k))return false;
  if(state.conn!==""&&e.l>=0&&run.lanes[e.l].kind==="conn"&&String(e.l)!==state.conn)return false;
  return state.words.every(w=>e.text.includes(w));
}
let shown=[],marks=[],gaps=[],height=0;
function layout(){
  shown=events.filter(passes);
  const list=[];
  const tied=[];
  const late=new Set();
  for(const e of shown){const owner=e.o&&owners.get(e.o);if(owner&&!owner.d&&passes(owner))late.add(owner)}
  for(const e of shown){
    const owner=e.o&&owners.get(e.o);
    if(owner&&passes(owner)){tied.push([e,owner]);continue}
    list.push({t:e.t,e,end:false});
    const end=e.k==="pdu"?e.r:e.e;
    if(end!=null&&end>e.t)list.push({t:end,e,end:true});
  }
  list.sort((a,b)=>a.t-b.t||a.e.i-b.e.i);
  gaps=[];
  let y=18,before=null;
  const room=Math.max($("view").clientHeight-80,20*shown.length)*state.zoom;
  for(const m of list){
    if(state.mode==="time"){y=24+(last?m.t/last:0)*room}
    else{
      const gap=before===null?0:m.t-before;
      if(gap>=1e8){gaps.push({y:y+12,text:"\u2022\u2022\u2022 "+when(gap)+" \u2022\u2022\u2022"});y+=26}
      else if(gap>0)y+=Math.min(10,2*Math.log10(1+gap/1000))*state.zoom;
      y+=(m.end?(late.has(m.e)?14:5):21)*state.zoom;
    }
    before=m.t;
    if(m.end)m.e.y2=y;else{m.e.y=y;m.e.y2=y}
  }
  /* A probe stands where its PDU left or reached the target. */
  for(const[e,owner]of tied)e.y=e.y2=(owner.d?owner.y:owner.y2)+5;
  marks=shown.slice().sort((a,b)=>a.y-b.y);
  height=y+60;
  $("space").style.height=height+"px";$("space").style.width=WIDTH+"px";$("heads").style.width=WIDTH+"px";
  $("count").textContent=shown.length===events.length?events.length+" events":shown.length+" of "+events.length+" events";
}
function cut(text,px){const n=Math.floor(px/7.3);return text.length>n?text.slice(0,Math.max(1,n-1))+"\u2026":text}
function arrow(x1,y1,x2,y2){
  const a=Math.atan2(y2-y1,x2-x1),s=7,p=(d)=>(x2-s*Math.cos(a+d)).toFixed(1)+","+(y2-s*Math.sin(a+d)).toFixed(1);
  return x2.toFixed(1)+","+y2.toFixed(1)+" "+p(.42)+" "+p(-.42);
}
function draw(e,svg){
  const lane=place[e.l],g=el("g",{class:"ev "+e.k+" "+(e.c||"")+(e.i===state.chosen?" chosen":""),id:"e"+e.i,role:"option","aria-selected":e.i===state.chosen,"aria-label":when(e.t)+" "+e.n+" "+(e.s||"")},svg);
  const y=e.y,y2=Math.max(e.y2,y);
  const small=state.zoom<.75&&state.mode==="event";
  if(e.k==="pdu"&&lane){
    const from=e.d?lane.b:lane.a,to=e.d?lane.a:lane.b;
    el("rect",{class:"target",x:lane.a-8,y:y-15,width:SPAN+16,height:Math.max(19,y2-y+18)},g);
    const lost=e.c&&e.c.includes("lost"),end=lost?from+(to-from)*.62:to,yy=lost?y+4:y2;
    el("path",{d:`M${from} ${y}L${end} ${yy}`},g);
    if(lost)el("path",{class:"bad",d:`M${end-5} ${yy-5}l10 10m0 -10l-10 10`},g);
    else el("polygon",{points:arrow(from,y,end,yy)},g);
    if(!small)el("text",{x:lane.a+SPAN/2,y:y-4,"text-anchor":"middle"},g,cut(e.n+(e.s?" "+e.s:""),SPAN-26));
  }else if(e.k==="probe"&&lane){
    el("rect",{class:"target",x:lane.b-8,y:y-11,width:NOTE+16,height:17},g);
    el("polygon",{points:`${lane.b},${y-10} ${lane.b+5},${y-5} ${lane.b},${y} ${lane.b-5},${y-5}`},g);
    if(!small)el("text",{x:lane.b+10,y:y-1},g,cut(e.n,NOTE));
  }else if(e.k==="disk"&&lane){
    const h=Math.max(10,y2-y+4);
    el("rect",{class:"target",x:lane.x-2,y:y-12,width:DISK,height:h+6},g);
    el("rect",{class:"op",x:lane.x+2,y:y-9,width:10,height:h},g);
    if(!small)el("text",{x:lane.x+17,y},g,cut(e.n,DISK-18));
  }else{
    const left=lane?lane.x:8,width=lane?lane.w:WIDTH-16;
    el("rect",{class:"target",x:left,y:y-14,width,height:20},g);
    if(e.k==="fail")el("rect",{class:"band",x:0,y:y-15,width:WIDTH,height:22},g);
    if(e.k==="fault"||e.k==="state")el("path",{d:`M${left+6} ${y+4}H${left+width-10}`},g);
    const sign=e.k==="fail"?"\u2717 ":e.k==="fault"?"\u26a1 ":"";
    const tx=lane?left+16:GUTTER;
    if(!small||e.k==="fail")el("text",{x:tx,y:y},g,cut(sign+e.n,e.k==="fail"?WIDTH-tx-20:width-24));
  }
  return g;
}
let drawn=null;
function paint(force){
  const view=$("view"),top=Math.max(0,view.scrollTop-600),bottom=view.scrollTop+view.clientHeight+600;
  if(!force&&drawn&&drawn.top<=Math.max(0,view.scrollTop-100)&&drawn.bottom>=Math.min(height,view.scrollTop+view.clientHeight+100))return;
  drawn={top,bottom};
  const old=$("plot"),svg=el("svg",{id:"plot",width:WIDTH,height:Math.min(bottom,height)-top,viewBox:`0 ${top} ${WIDTH} ${Math.min(bottom,height)-top}`,role:"presentation"});
  svg.style.top=top+"px";
  for(const i of conns){const p=place[i];for(const at of[p.a,p.b])el("path",{class:"life",d:`M${at} ${top}V${Math.min(bottom,height)}`},svg);el("path",{class:"lifeend",d:`M${p.x+p.w-14} ${top}V${bottom}`},svg)}
  for(const i of disks)el("path",{class:"lifeend",d:`M${place[i].x+7} ${top}V${bottom}`},svg);
  let label=-99,said="";
  for(const e of marks){
    if(e.y2<top||e.y>bottom)continue;
    draw(e,svg);
    const time=when(e.t);
    if(e.y-label>15&&time!==said&&!(e.o&&owners.has(e.o))){el("text",{class:"time",x:GUTTER-14,y:e.y,"text-anchor":"end"},svg,time);label=e.y;said=time}
  }
  for(const g of gaps)if(g.y>=top&&g.y<=bottom)el("text",{class:"gap",x:GUTTER,y:g.y},svg,g.text);
  if(old)old.replaceWith(svg);else $("space").appendChild(svg);
}
function head(){
  for(const i in place){
    const lane=run.lanes[i],p=place[i],d=document.createElement("div");
    d.style.left=(lane.kind==="conn"?p.a-4:p.x)+"px";d.style.width=(lane.kind==="conn"?SPAN+NOTE:DISK-6)+"px";
    d.textContent=lane.name;
    const s=document.createElement("small");s.textContent=lane.about||"";s.title=lane.about||"";d.appendChild(s);
    $("heads").appendChild(d);
  }
}
function fill(box,e){
  box.textContent="";
  const h=document.createElement("h2"),w=document.createElement("p"),t=document.createElement("table");
  h.textContent=e.n;w.className="when";
  const end=e.k==="pdu"?e.r:e.e;
  w.textContent=when(e.t)+(end!=null&&end!==e.t?" \u2192 "+when(end):"")+(run.lanes[e.l]?" \u00b7 "+run.lanes[e.l].name:"")+(e.k==="pdu"?(e.d?" \u00b7 from the target":" \u00b7 from the initiator"):"")+(e.w?" \u00b7 "+e.w:"");
  for(const[k,v]of e.f||[]){const r=t.insertRow();r.insertCell().textContent=k;r.insertCell().textContent=v}
  box.append(h,w,t);
}
function choose(i,scroll){
  state.chosen=i;
  const e=events[i];
  if(e){
    fill($("about"),e);
    if(scroll&&e.y!==undefined){
      const v=$("view");
      if(e.y<v.scrollTop+70||e.y>v.scrollTop+v.clientHeight-60)v.scrollTop=e.y-v.clientHeight/2;
    }
  }
  paint(true);
  if(e)$("view").setAttribute("aria-activedescendant","e"+i);
  link();
}
function step(d,test){
  let at=shown.findIndex(e=>e.i>=state.chosen);
  if(at<0)at=state.chosen<0?0:shown.length-1;
  if(state.chosen<0&&d>0&&!test){if(shown[0])choose(shown[0].i,true);return}
  for(at+=d;at>=0&&at<shown.length;at+=d)if(!test||test(shown[at])){choose(shown[at].i,true);return}
}
function again(){layout();paint(true)}
function zoom(by){
  const v=$("view"),share=(v.scrollTop+v.clientHeight/2)/height;
  state.zoom=Math.min(40,Math.max(.2,state.zoom*by));
  again();v.scrollTop=share*height-v.clientHeight/2;paint(true);link();
}
/* What is seen is in the address, to be shared. */
function link(){
  const p=new URLSearchParams();
  if(state.mode!=="event")p.set("by",state.mode);
  if(state.zoom!==1)p.set("zoom",state.zoom.toFixed(2));
  if(state.words.length)p.set("find",state.words.join(" "));
  if(state.kinds.size!==KINDS.length)p.set("kinds",[...state.kinds].join("."));
  if(state.conn!=="")p.set("conn",state.conn);
  if(state.chosen>=0)p.set("event",state.chosen);
  try{history.replaceState(null,"","#"+p)}catch(_){}
}
function unlink(){
  const p=new URLSearchParams(location.hash.slice(1));
  if(p.get("by")==="time")state.mode="time";
  const z=Number(p.get("zoom"));if(z>0)state.zoom=Math.min(40,Math.max(.2,z));
  if(p.get("find"))state.words=p.get("find").toLowerCase().split(/\s+/).filter(Boolean);
  if(p.has("kinds"))state.kinds=new Set(p.get("kinds").split(".").filter(k=>KINDS.includes(k)));
  if(place[p.get("conn")])state.conn=p.get("conn");
  $("find").value=state.words.join(" ");$("by").value=state.mode;
  for(const b of document.querySelectorAll("input[name=kind]"))b.checked=state.kinds.has(b.value);
  const c=$("conn");
  for(const i of conns){const o=document.createElement("option");o.value=i;o.textContent=run.lanes[i].name;c.appendChild(o)}
  c.value=state.conn;
  return p.has("event")?Number(p.get("event")):-1;
}
function curve(){
  const points=run.causality;
  if(!points||!points.length)return;
  $("curve").hidden=false;
  const svg=$("curve").querySelector("svg"),W=800,H=120,px=i=>40+i*(W-60)/Math.max(1,points.length-1),py=p=>H-24-p*(H-40);
  svg.setAttribute("viewBox",`0 0 ${W} ${H}`);
  for(const p of[0,.5,1]){el("path",{class:"lifeend",d:`M40 ${py(p)}H${W-20}`},svg);el("text",{class:"time",x:34,y:py(p)+4,"text-anchor":"end"},svg,p*100+"%")}
  el("path",{d:points.map((q,i)=>(i?"L":"M")+px(i)+" "+py(q.p)).join(""),fill:"none",stroke:"var(--bad)","stroke-width":2},svg);
  points.forEach((q,i)=>{
    const c=el("circle",{cx:px(i),cy:py(q.p),r:4,fill:"var(--bad)",class:"ev"},svg);
    el("title",{},c,`cut at ${when(q.t)}: the failure comes in ${(q.p*100).toFixed(0)}% of the other futures`);
    c.addEventListener("click",()=>{const e=shown.find(e=>e.t>=q.t);if(e)choose(e.i,true)});
  });
}
head();
const wanted=unlink();
layout();paint(true);curve();
const fail=events.findIndex(e=>e.k==="fail");
if(wanted>=0)choose(wanted,true);
$("view").addEventListener("scroll",()=>paint(false));
addEventListener("resize",again);
$("tools").addEventListener("input",()=>{
  state.words=$("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  state.kinds=new Set([...document.querySelectorAll("input[name=kind]")].filter(b=>b.checked).map(b=>b.value));
  state.mode=$("by").value;state.conn=$("conn").value;
  again();link();
});
$("tools").addEventListener("submit",e=>e.preventDefault());
$("more").addEventListener("click",()=>zoom(1.4));$("less").addEventListener("click",()=>zoom(1/1.4));
if($("jump"))$("jump").addEventListener("click",()=>{choose(fail,true);$("view").focus()});
const under=t=>t.closest&&t.closest("g.ev");
$("space").addEventListener("click",e=>{const g=under(e.target);if(g){choose(Number(g.id.slice(1)),false);$("view").focus()}});
$("space").addEventListener("mousemove",e=>{
  const g=under(e.target),tip=$("tip");
  if(!g){tip.hidden=true;return}
  fill(tip,events[Number(g.id.slice(1))]);tip.hidden=false;
  const b=tip.getBoundingClientRect();
  tip.style.left=Math.max(4,Math.min(innerWidth-b.width-8,e.clientX+16))+"px";
  tip.style.top=Math.max(4,Math.min(innerHeight-b.height-8,e.clientY+16))+"px";
});
$("space").addEventListener("mouseleave",()=>{$("tip").hidden=true});
addEventListener("keydown",e=>{
  if(e.ctrlKey||e.metaKey||e.altKey)return;
  if(/^(INPUT|SELECT)$/.test(e.target.tagName)){if(e.key==="Escape")$("view").focus();return}
  const keys={ArrowDown:()=>step(1),j:()=>step(1),ArrowUp:()=>step(-1),k:()=>step(-1),Home:()=>shown[0]&&choose(shown[0].i,true),End:()=>shown.length&&choose(shown[shown.length-1].i,true),n:()=>step(1,e=>e.k==="fault"),p:()=>step(-1,e=>e.k==="fault"),f:()=>fail>=0&&choose(fail,true),"+":()=>zoom(1.4),"=":()=>zoom(1.4),"-":()=>zoom(1/1.4),t:()=>{state.mode=state.mode==="time"?"event":"time";$("by").value=state.mode;again();link()},"/":()=>$("find").focus()};
  if(keys[e.key]){e.preventDefault();keys[e.key]()}
});
