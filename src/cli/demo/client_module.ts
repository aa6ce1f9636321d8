/**
 * `@sluice/sluice/channels/client` and the outbox of IndexedDB as one file, for the page of `sluice demo`. Made of the
 * sources by `npm run docs`; a test compares them.
 *
 * @module
 */

/** JavaScript, for browsers. */
export const CLIENT_MODULE: string = `
var b=class extends Error{code;constructor(e,t,n){super(t,n),this.name=new.target.name,this.code=e}},
k=class extends b{option;constructor(e,t,n){super("ERR_OPTION",t,n),this.option=e}};var S=class extends b{constructor(e,t){super("ERR_UNSUPPORTED",e,t)}};var M=class extends b{constructor(e,t){super("ERR_IN_USE",e,t)}};var f=class extends b{reason;constructor(e,t,n){super(\`ERR_CHANNEL_\${e.toUpperCase().replaceAll("-",
"_")}\`,t,n),this.reason=e}};var Q={now:ye,setTimer:ve};function ye(){return performance.now()}function be(o){return Math.max(0,Math.min(o,2147483647))}function ve(o,e){
let t=setTimeout(o,be(e));return()=>clearTimeout(t)}var X="heartbeat.sluice",I="\\0heartbeat.sluice";var z="farewell.sluice";var we=/^(normal|urgent|deferred) wait=(0|[1-9]\\d{0,8}) retry=(0|[1-9]\\d{0,8})(?: (.+))?$/s;function K(o){let e=we.exec(o);if(e===null)return null;let[,t,n,s,r=""]=e;return{flag:t,wait:Number(
n),retry:Number(s),words:r}}var _=class{#n=[];#e=!1;add(e){this.#n.push(e)}run(e){if(e(),!this.#e){this.#e=!0;for(let t;t=this.#n.
shift();)t();this.#e=!1}}};function Y(o,{minDelay:e,maxDelay:t,random:n}){return n()*Math.min(t,e*2**Math.min(o,32))}var O={code:1006,reason:"",wasClean:!1};function C(o,e){try{return o()}catch(t){return queueMicrotask(()=>{throw t}),e}}var L=class{#n;#e=!1;#s;#o=-1/0;#t=1/0;#a=0;#r=!1;#i;constructor(e){this.#n=e,this.#s=e.clock.now()}begin(){
this.#e||this.#r||(this.#e=!0,this.#o===-1/0&&this.#f(this.#s+this.#n.interval))}heard(){this.#s=this.#n.
clock.now()}check(){this.#o===-1/0&&!this.#r&&this.#u()}awake(){this.#e&&this.check()}stop(){this.#r=
!0,this.#i?.()}#u(){let{clock:e,timeout:t,ask:n,unsent:s}=this.#n;this.#o=e.now(),this.#f(this.#o+t),
this.#e&&n(),this.#a=s()}#f(e){let{clock:t}=this.#n;this.#i?.(),this.#t=e,this.#i=t.setTimer(()=>this.#l(),
Math.max(0,e-t.now()))}#l(){let{clock:e,interval:t,timeout:n,unsent:s,dead:r}=this.#n,i=e.now();if(this.#s<
this.#o){if(i-this.#t>=1e3)return this.#u();let a=this.#a;return this.#a=s(),this.#a<a?this.#f(i+n):
r(i-this.#s)}this.#o=-1/0,this.#e&&(i-this.#s>=t?this.#u():this.#f(this.#s+t))}};var xe={capture:!0};function J(o,{away:e,back:t,offline:n,awake:s}){let r=!1,i=[["pagehide",()=>!r&&
(r=!0,e())],["pageshow",()=>r&&(r=!1,t())],["offline",n],["online",s],["visibilitychange",()=>o?.document?.
visibilityState!=="hidden"&&s()],["resume",s]],a=l=>{for(let[u,h]of i)o?.[l](u,h,xe)};return a("addE\\
ventListener"),()=>a("removeEventListener")}function V(){let o=globalThis;return o.addEventListener?
o:null}var Z={connecting:{opened:"open",lost:"waiting",away:"away",end:"closed"},open:{lost:"waiting",away:"\\
away",leave:"closing",end:"closed"},waiting:{due:"connecting",back:"waiting",away:"away",end:"closed"},
away:{back:"waiting",end:"closed"},closing:{end:"closed"},closed:{}};function B(o){let{location:e}=globalThis,t="",n;try{let s=new URL(o,e?.href);s.hash="",t=s.href.replace(
/^http/,"ws")}catch(s){n=s}if(/^wss?:/.test(t))return t;throw new k("url",\`url must be a ws:, wss:, \\
http: or https: address, got \${o}\`,{cause:n})}var P=class{state="connecting";protocol="";url="";closed;#n;#e;#s;#o;#t=new _;#a;#r=null;#i=0;#u;#f=0;constructor(e,t,n){
typeof e!="function"&&(e=this.url=B(e)),this.#n=e,this.#e=t,this.#s=n,this.closed=new Promise(s=>this.#a=
s),this.#o=J(t.page,{away:()=>this.#t.run(()=>this.#O()),back:()=>this.#t.run(()=>this.#h()),offline:()=>this.#r?.
heart?.check(),awake:()=>this.#t.run(()=>this.#D())}),queueMicrotask(()=>this.#t.run(()=>this.state===
"connecting"&&this.#d()))}get unsent(){return this.#r?.socket?.bufferedAmount??0}close(e,t){this.#t.
run(()=>this.#B(e,t))}#l(e,t=0){let n=this.state,s=Z[n][e];if(!s)throw new Error(\`Got \${e} while \${n}\`);
this.#u?.(),this.state=s;let r={state:s,previous:n,delay:t,attempt:this.#i};this.#t.add(()=>this.#s.
state(r))}#c(e,t){this.#u?.(),this.#u=this.#e.clock.setTimer(()=>this.#t.run(t),e)}#d(){let e={opened:!1};
this.#r=e,this.#m(e,"connect",this.#e.connectTimeout);let t=this.#n;if(typeof t!="function")return this.#p(
e,t);Promise.resolve().then(t).then(n=>this.#t.run(()=>this.#p(e,n)),n=>this.#t.run(()=>this.#k(e,{...O,
error:n})))}#p(e,t){if(e!==this.#r)return;let{transport:n,protocols:s}=this.#e;try{this.url=B(t),e.socket=
n(this.url,s,{open:r=>this.#t.run(()=>this.#x(e,r)),message:r=>this.#t.run(()=>this.#v(e,r)),close:r=>this.#t.
run(()=>this.#k(e,r))})}catch(r){this.#k(e,{...O,error:r})}}#x(e,t){e!==this.#r||e.opened||(e.opened=
!0,this.protocol=t,this.#l("opened"),this.#t.add(()=>this.#s.open?.()),e.heart=this.#y(e),this.#e.heartbeat?.
message&&e.heart?.begin(),this.#E(e))}#E(e){let t=s=>this.#N(e,s),n;try{n=this.#e.hello()}catch(s){return t(
s)}if(typeof n?.then!="function")return this.#g(e,n);this.#m(e,"late hello",this.#e.connectTimeout),
Promise.resolve(n).then(s=>this.#t.run(()=>this.#g(e,s)),s=>this.#t.run(()=>t(s)))}#g(e,t){if(!(e!==
this.#r||this.state!=="open")){try{for(let n of this.#e.checked?.(t)??t)e.socket.send(n)}catch(n){return this.#N(
e,n)}e.ready=!0,this.#c(this.#e.stableAfter,()=>this.#i=0),this.#s.ready?.()}}#N(e,t){e===this.#r&&this.
state==="open"&&this.#b(e,"hello",0,t)}#y(e){let{heartbeat:t,clock:n}=this.#e;if(!t||!t.message&&e.socket.
pings)return;let{message:s}=t;return new L({...t,clock:n,ask:()=>C(()=>{e.socket.send(s?s():I)}),unsent:()=>e.
socket.bufferedAmount,dead:r=>this.#t.run(()=>this.#b(e,"silence",r))})}#v(e,t){if(e===this.#r){if(e.
heart?.heard(),t===I&&this.#e.offersBeat)return e.heart?.begin();this.#t.add(()=>this.#s.message(t))}}hand(e){
return this.state==="open"&&!!this.#r.ready&&this.#r.socket.send(e)}#k(e,t){e===this.#r&&this.#T(this.#I(
e,t))}#m(e,t,n){this.#c(n,()=>this.#b(e,t,n))}#b(e,t,n,s){this.#T(this.#L(e,t,n,s))}#T(e){let{clock:t,
shouldReconnect:n}=this.#e,s=ke(e.code),r=this.state!=="closing"&&C(()=>n(e,s,this.#i),s);if(this.#t.
add(()=>this.#s.end(e,r!==!1)),r===!1)return this.#_(e);e.farewell&&(this.#f=t.now()+e.farewell.retry),
this.#w("lost",r===!0?e.error?.retryAfter??0:r)}#w(e,t=0){let{clock:n}=this.#e,s=Math.max(Y(this.#i++,
this.#e)+t,this.#f-n.now());this.#l(e,s),this.#c(s,()=>{this.#l("due"),this.#d()})}#O(){let e=this.#r;
if(e){let t=this.#L(e,"away");this.#t.add(()=>this.#s.end(t,!0))}this.#l("away")}#h(){this.#i=0,this.#w(
"back")}#D(){this.state==="waiting"?this.#h():this.#r?.heart?.awake()}#B(e,t){if(this.state.startsWith(
"clos"))return;let n=this.#r;if(this.state!=="open")return n&&this.#L(n,"unopened",0,void 0,e),this.#_(
{code:e,reason:t,wasClean:!0,opened:!1,unsentBytes:0,farewell:null});this.#R(),n.heart?.stop(),this.#l(
"leave"),this.#m(n,"close",this.#e.closeTimeout),n.socket.close(e,t)}#_(e){this.#R(),this.#l("end"),
this.#t.add(()=>this.#s.close(e)),this.#a()}#R(){this.#o(),this.#s.stopped?.()}#L(e,t,n=0,s,r=1001){
let i=this.#e.dropped(t,n,s),a=this.#I(e,{...O,error:i});return C(()=>e.socket?.close(r,i.message)),
a}#I(e,t){this.#r=null,e.heart?.stop();let{opened:n}=e,s=n?e.socket.bufferedAmount:0;return{...t,opened:n,
unsentBytes:s,farewell:K(t.reason)}}};function ke(o){return![1e3,1008,1010].includes(o)&&o<3e3}function $(o,e,t){U();let n=new WebSocket(o,[...e]);return n.binaryType="arraybuffer",Re(n,t),{get bufferedAmount(){
return n.bufferedAmount},send(s){let r=n.readyState===1;return r&&n.send(s),r},close:(s,r)=>n.close(
s>=3e3?s:1e3,r)}}function U(){if(typeof globalThis.WebSocket!="function")throw new S("No WebSocket: \\
pass transport: webSocketTransport() of @sluice/sluice/websocket")}function Re(o,e){let t,n=!1,s=({code:r,
reason:i,wasClean:a})=>{n||(n=!0,e.close({code:r||1006,reason:i,wasClean:a,error:t}))};o.onopen=()=>e.
open(o.protocol),o.onmessage=({data:r})=>e.message(typeof r=="string"?r:new Uint8Array(r)),o.onerror=
r=>{t=Ae(r),o.readyState===0&&setTimeout(()=>s(O),0)},o.onclose=s}function Ae(o){let{error:e,message:t}=o;
return e instanceof Error?e:t?new Error(t):void 0}var te="channels.sluice";var v={protocol:4400,unauthorized:4401,expired:4402,revoked:4403,fenced:4409,flood:4429},ne=new TextEncoder,
Se=new TextDecoder("utf-8",{fatal:!0});function w(o){return typeof o=="string"?ne.encode(o).length:o.
length}function R(o){let e=o[3];return e instanceof Uint8Array?Me(JSON.stringify(o.map((t,n)=>n===3?
null:t)),e):JSON.stringify(o)}function Me(o,e){let t=ne.encode(o);if(t.length>65535)throw new RangeError(
\`A frame may have 65535 bytes of head, got \${t.length}\`);let n=new Uint8Array(2+t.length+e.length);return n.
set([t.length>>8,t.length]),n.set(t,2),n.set(e,2+t.length),n}function H(o){try{if(typeof o=="string")
return ee(JSON.parse(o));let e=2+(o[0]<<8|o[1]);if(!(e<=o.length))return null;let t=ee(JSON.parse(Se.
decode(o.subarray(2,e))));if(t===null)return null;let n=[...t];for(;n.length<3;)n.push(null);return n[3]=
o.subarray(e),n}catch{return null}}function ee(o){return Array.isArray(o)&&typeof o[0]=="string"?o:null}var se="at most 32 names, 4096 characters";function re(o){if(typeof o!="object"||!o||Symbol.iterator in
o)return!1;let e=Object.entries(o);return e.length<=32&&e.every(([,t])=>typeof t=="string")&&e.flat().
join("").length<=4096}var _e=/^(?!\\$)[^\\0-\\x1f\\x7f\\p{Cs}]+$/u,j='a name of 1 to 255 characters, no control character, "$" \\
not first and "*" not last';function F(o){return typeof o=="string"&&o.length<=255&&_e.test(o)}function y(o,e){for(let t in o)d(Object.hasOwn(e,t),t,\`one of \${Object.keys(e)}\`,t)}function d(o,e,t,n){
if(!o)throw new k(e,\`\${e} must be \${t}, got \${String(n).slice(0,99)}\`)}function g(o,e){return d(typeof e==
"number"&&e>=1,o,"1 or more",e),e}var oe={value:void 0,done:!0},T=class{#n={};#e=[];#s;#o=!1;#t=!1;#a;constructor(e){for(let t of e)this.#n[t]=
new Set}get queued(){return this.#e.length}on(e,t){let n=this.#n[e];return d(n,"type",\`one of \${Object.
keys(this.#n)}\`,e),d(typeof t=="function","listener","a function",t),n.add(t),this.pump(),()=>n.delete(
t)}emit(e,t){let n=[...this.#n[e]];for(let s of n)C(()=>s(t))}add(e,t,n){this.#e.push({type:e,value:t,
taken:n}),this.pump()}pump(){for(let t;(t=this.#e[0])&&this.#r(t);){this.#e.shift(),t.taken?.();let n=this.#s;
t.type!=="message"||!n?t.type&&this.emit(t.type,t.value):(this.#s=null,this.#o=!0,n.resolve({value:t.
value,done:!1}))}if(this.#e.length>0)return;if(!this.#t)return this.emptied();let e=this.#s;this.#s=
null,this.#a&&e?(e.reject(this.#a),this.#a=null):e?.resolve(oe)}emptied(){}end(e,t=this.#e){this.#e=
t,!this.#t&&(this.#t=!0,this.#a=e,this.pump())}next(){if(this.#s)throw new M("next() is pending: one\\
 loop takes all");this.#o=!1;let e=new Promise((t,n)=>this.#s={resolve:t,reject:n});return this.pump(),
e}return(){return Promise.resolve(oe)}[Symbol.asyncIterator](){return this}#r({type:e}){return e!=="\\
message"?!this.#o:!!this.#s||this.#n.message.size>0}};function W(o){return y(o,{maxQueued:!0,maxQueuedBytes:!0}),{maxQueued:g("maxQueued",o.maxQueued??1e3),
maxQueuedBytes:g("maxQueuedBytes",o.maxQueuedBytes??1048576)}}function ie(o={}){let e=()=>Promise.resolve();
return{...W(o),load:()=>Promise.resolve([]),save:e,remove:e,close:e}}var N=class extends T{name;said=!1;paused=!1;#n;#e;#s;#o=new Map;#t=!1;#a=!1;#r;#i=new Set;constructor(e,t,n,s){
super(["message","gap","presence","members","live","refused"]),y(t,{since:!0,member:!0,maxQueued:!0});
let{since:r,maxQueued:i=1e3}=t;this.name=e,this.#e=t,this.#s=g("maxQueued",i),this.#n=s,r!==void 0&&
r!=="oldest"&&(n={[e]:r});for(let[a,l]of Object.entries(n??{}))this.#f(a,l);this.#t=n!==void 0}get position(){
return this.#r?.taken}get positions(){return this.#t?this.#l(({taken:e})=>e):void 0}get members(){return[
...this.#o.values()].flatMap(({members:e})=>[...e.values()])}get isLive(){return this.#a&&[...this.#o.
values()].every(({live:e})=>e)}request(){let{since:e,member:t}=this.#e,n=this.#t||this.#i.size>0||e===
"oldest"?"oldest":void 0,s=this.#t?this.#l(({offset:r,grant:i})=>\`\${r}.\${i}\`):null;return[this.name,
s,{since:n,member:t}]}silence(){this.said=this.#a=!1;for(let e of this.#o.values())e.open=e.live=!1;
this.#n.moved()}forget(){this.#i=new Set(this.#o.keys()),this.#o.clear(),this.#t=!1}close(){this.end(
null,[]),this.#n.leave(this,!0)}return(){return this.close(),super.return()}emptied(){this.paused&&(this.
paused=!1,this.#n.want())}subbed(e,t,n,s){if(!this.said||!this.#E())return;let r=this.#o.get(e)??this.#u(
e,-1,"");r.open=this.#a=this.#t=!0,this.#i.delete(e)&&(s??="epoch"),(s!==null||t!==r.grant||n>r.offset)&&
this.#p(r,t,n,s),this.#n.moved()}watch(){this.said&&(this.#a=this.#t=!0),this.#n.moved()}gap(e,t,n,s){
let r=this.#c(e);r&&this.#p(r,t,n,s)}live(e){let t=this.#c(e);t&&(t.live=!0,this.add("live",{channel:e}),
this.#n.moved())}m(e,t,n,s={}){this.#d("message",e,t,{data:n,headers:s})}p(e,t,n){this.#d("presence",
e,t,n,({members:s,changes:r,membersAt:i})=>{t<=i||(r.splice(0,r.push([t,n])-1e3),ae(s,n))})}list(e,t,n){
let s=this.#c(e);s&&this.add("members",{channel:e},()=>{s.members=new Map(n.map(r=>[r.member,r])),s.
membersAt=t;for(let[r,i]of s.changes)r>t&&ae(s.members,i)})}reach(e,t){this.#d(null,e,t)}refused(e,t){
let n=new f(e,t);return this.emit("refused",n),n}#u(e,t,n,s){let r={channel:e,offset:t,grant:n,open:!1,
live:!1,taken:s,members:new Map,membersAt:0,changes:[]};return this.#o.set(e,r),r}#f(e,t){let[,n,s]=/^(\\d+)\\.(.+)$/.
exec(t)??[],r=s&&!e.endsWith("*")&&A(this.name,e);d(r,"since",\`"oldest" or a position of \${this.name}\`,
t),this.#r=this.#u(e,Number(n),s,t)}#l(e){let t=[...this.#o].map(([n,s])=>[n,e(s)]);return Object.fromEntries(
t.filter(([,n])=>n))}#c(e){let t=this.#o.get(e);return t?.open&&this.#E()?t:void 0}#d(e,t,n,s,r){let i=this.#o.
get(t);!i?.open||!(n>i.offset)||!this.#E()||(i.offset=n,this.#x(e,i,{...s,offset:n},r))}#p(e,t,n,s){
let r=e.grant!==t;e.grant=t,e.offset=n,this.#x(s&&"gap",e,{reason:s},()=>{r&&(e.membersAt=e.changes.
length=0)})}#x(e,t,n,s){let{channel:r,offset:i,grant:a}=t,l=\`\${i}.\${a}\`;this.add(e,{...n,channel:r,position:l},
()=>{t.taken=l,this.#r=t,s?.(t)})}#E(){return this.queued<this.#s?!0:(this.paused=!0,this.#n.leave(this,
!1),this.silence(),!1)}};function A(o,e){return e===o||o.endsWith("*")&&e.startsWith(o.slice(0,-1))}
function ae(o,{type:e,instance:t,member:n,user:s,data:r}){if(e==="join")o.set(n,{member:n,user:s,instance:t,
data:r});else if(e==="leave")o.get(n)?.instance===t&&o.delete(n);else for(let[i,a]of o)a.instance===
t&&o.delete(i)}var le=["unavailable","draining"],Be={token:!0,outbox:!0,position:!0,maxMessageBytes:!0,transport:!0,
minDelay:!0,maxDelay:!0,page:!0,clock:!0,random:!0},D=class{#n;#e;#s;#o;#t;#a;#r=new T(["message","s\\
tate","end","error"]);#i=new Map;#u=new Set;#f=1/0;#l=new Map;#c=new Map;#d=new Map;#p;#x=0;#E=0;#g=1;#N=1;#y=null;#v=0;#k="\\
connecting";#m=0;#b=!1;#T=!1;#w;#O;#h;#D=!1;constructor(e,t={}){y(t,Be);let{token:n=null,outbox:s=ie(),
transport:r=$,clock:i=Q}=t,{position:a={},page:l=V(),minDelay:u=500,maxDelay:h=3e4,random:m=Math.random}=t;
d(typeof n=="function"||ue(n),"token","a text or null, or a function",typeof n),d(typeof s?.load=="f\\
unction","outbox","an Outbox",s),d(typeof r=="function","transport","a Transport",r),d(!l||typeof l.
addEventListener=="function","page","a page or null",l),d([a,...Object.values(a??{})].every($e),"pos\\
ition","a ClientPosition",a),d(g("maxDelay",h)>=g("minDelay",u),"maxDelay","minDelay or more",h),r===
$&&U(),this.#s=n,this.#o=s,this.#e=i,this.#t=g("maxMessageBytes",t.maxMessageBytes??65536),this.#a=new Map(
Object.entries(a)),this.#n=new P(e,{protocols:[te,z,X],minDelay:u,maxDelay:h,connectTimeout:1e4,stableAfter:5e3,
closeTimeout:5e3,heartbeat:{message:null,interval:3e4,timeout:1e4},offersBeat:!0,transport:r,page:l,
clock:i,random:m,dropped:(c,p,E)=>new Error(\`Given up: \${c}\`,{cause:E}),hello:()=>this.#B(),shouldReconnect:(c,p)=>this.#Y(
c,p)},{state:()=>this.#A(),message:c=>this.#L(c),end:(c,p)=>{this.#I(),this.#r.emit("end",{...c,willReconnect:p})},
close:c=>this.#J(c)}),this.#p=s.load().then(c=>this.#Z(c)),this.#p.catch(c=>this.#$(c))}get state(){
return this.#k}get position(){let e=[...this.#i].map(([t,{positions:n}])=>[t,n]);return Object.fromEntries(
[...this.#a,...e].filter(([,t])=>t))}get unacknowledged(){return this.#x}get messages(){return this.#r}get closed(){
return this.#n.closed}on(e,t){return this.#r.on(e,t)}subscribe(e,t={}){d(F(e)&&e!=="*","name",j,e);for(let s of this.#i.
values()){let r=A(s.name,e)||A(e,s.name);d(!r,"name",\`apart from \${s.name}: close that first\`,e)}this.#Q(
"member",w(JSON.stringify(t.member)??""));let n=new N(e,t,this.#a.get(e),{want:()=>this.#S(),leave:(s,r)=>this.#q(
s,r),moved:()=>this.#A()});return this.#a.delete(e),this.#h?n.end(this.#h):this.#i.set(e,n),this.#S(),
n}publish(e,t,n={}){return d(F(e)&&!e.endsWith("*"),"channel",j,e),this.#X("pub",e,t,n)}send(e,t={}){
return this.#X("msg",null,e,t)}call(e,t,n={}){let{timeout:s=3e4,signal:r,headers:i,idempotent:a=!1}=n;
y(n,{idempotent:!0,timeout:!0,signal:!0,headers:!0}),d(typeof e=="string"&&e.length<=1024,"method",\`\\
a text of at most \${1024} characters\`,e),g("timeout",s);let l=this.#G(t,i),u=this.#N++,h=this.#e.now()+
s;return ce((m,c)=>{if(this.#h||r?.aborted)return c(this.#h??r.reason);let p=ge=>{let G=this.#P(u);G?.
said&&this.#C(["cancel",u]),G?.reject(ge)},E=()=>p(r.reason),he=s===1/0?x:this.#e.setTimer(()=>p(new f(
"timeout",\`No answer within \${s} ms\`)),s);r?.addEventListener("abort",E);let fe=()=>{he(),r?.removeEventListener(
"abort",E)},me=()=>s<2147483647?Math.max(1,Math.ceil(h-this.#e.now())):0,pe=()=>["call",u,[e,me()],...l];
this.#c.set(u,{frame:pe,resolve:m,reject:c,ready:!0,said:!1,idempotent:a,done:fe}),this.#M()})}close(){
return this.#D=!0,this.#n.close(1e3,""),this.#n.closed}async#B(){let e=this.#m;await this.#p;let t=await this.#_(),
n=e===this.#m?this.#W(16384):[];return[R(["hello",1,t,this.#y,n])]}async#_(){let e=typeof this.#s=="\\
function"?await this.#s():this.#s;return d(ue(e),"token","a text or null",typeof e),e}#R={welcome:(e,t,n,s,r)=>{
this.#f=r??1/0;let i=this.#m,[a=this.#g]=this.#l.keys();e!==this.#y&&(this.#v=a-1),this.#y=e,this.#b=
!0,this.#O=null,this.#u.size>0&&this.#C(["unsub",[...this.#u]]),this.#S(),this.#K().then(()=>{this.#T=
i===this.#m,this.#M()},l=>this.#$(l))},subbed:(e,...t)=>this.#i.get(e)?.subbed(...t),watch:e=>this.#i.
get(e)?.watch(),unsubbed:e=>{for(let t of e)this.#u.delete(t);this.#S()},refused:(e,t,n,s)=>{let r=this.#i.
get(e);if(r?.said){if(s!==void 0)return r.refused(t,n);if(t==="bad-position"||le.includes(t))return r.
silence(),t!=="bad-position"?this.#U():(r.forget(),this.#S());this.#q(r,!0),r.end(r.refused(t,n))}},
members:(...e)=>this.#H(e[0])?.list(...e),bye:e=>{for(let[t,n]of Object.entries(e))this.#H(t)?.reach(
t,n)},d:(e,t,n,s={})=>{let r=this.#d.get(e);if(r===!0&&this.#C(["ack",[e]]),r)return;let i=(...h)=>{
if(this.#d.get(e)===u){this.#d.delete(e),h[0]==="ack"&&this.#d.set(e,!0),this.#C(h);for(let[m,c]of this.#d)
c===!0&&this.#d.size>1e3&&this.#d.delete(m)}},u={id:e,attempt:t,data:n,headers:s,ack:()=>i("ack",[e]),
nack:(h=0)=>i("nack",e,h)};this.#d.set(e,u),this.#r.add("message",u)},ok:(e,t,n)=>{this.#F(e)?.resolve(
t&&{offset:t,duplicate:n})},no:(e,t,n)=>{let s=new f(t,n);le.includes(t)?this.#U(this.#l.get(e+this.#v)):
this.#F(e)?.reject(s)},answer:(e,t,n)=>this.#P(e)?.resolve(n),failed:(e,t,n)=>{let s=new f(t,n);t===
"draining"?this.#U(this.#c.get(e)):this.#P(e)?.reject(s)},token:async()=>{let e=this.#m;if(typeof this.#s!=
"function")return;let t=await this.#_().catch(x);t!==void 0&&e===this.#m&&this.#C(["token",t])},error:(e,t)=>this.#O=
new f(e,t)};#L(e){try{let[t,...n]=H(e);["m","p","live","gap"].includes(t)?this.#H(n[0])?.[t](...n):Object.
hasOwn(this.#R,t)&&this.#R[t](...n)}catch(t){this.#$(new f("bad-frame","The server sent no frame",{cause:t}),
v.protocol)}}#I(){this.#m++,this.#b=this.#T=!1,this.#w?.(),this.#w=null,this.#u.clear();for(let t of this.#i.
values())t.silence();for(let t of this.#l.values())t.said=!1;let e=new f("unavailable","The connecti\\
on was lost: it may be done");for(let[t,n]of this.#c)n.said&&!n.idempotent?this.#P(t).reject(e):n.said=
!1;this.#A()}#Y({code:e},t){return e===v.expired||e===v.unauthorized?typeof this.#s=="function":this.#y&&
this.#O?.reason==="bad-session"?(this.#y=null,!0):e===v.flood?1e4:t&&e!==1009}#$(e,t=1e3){this.#O=e,
this.#n.close(t,"")}#J({code:e,reason:t}){let n=Object.entries({"bad-frame":v.protocol,"too-large":1009,
...v}),[s="unavailable"]=n.find(([,a])=>a===e)??[],r=this.#D||e===1e3&&!this.#O?null:this.#O??new f(
s,t||\`The server closed with \${e}\`),i=this.#h=r??new f("canceled","The client is closed");for(let a of this.#i.
values())a.end(r);for(let{reject:a}of this.#l.values())a(i);for(let a of this.#c.keys())this.#P(a).reject(
i);this.#o.close(),this.#A(),r&&this.#r.emit("error",r),this.#r.end(r)}#A(){let e=this.#V();e!==this.#k&&
this.#r.emit("state",this.#k=e)}#V(){if(this.#h)return"closed";let{state:e}=this.#n;return e.startsWith(
"clos")?this.#k:this.#b?[...this.#i.values()].every(({isLive:t})=>t)?"live":"catching-up":e==="waiti\\
ng"||e==="away"?"offline":"connecting"}#C(e){if(!this.#b)return;let t=R(e),n=this.#f+32768;if(w(t)<=
n)return void this.#n.hand(t);let[s,r]=e,[i,a]=s==="sub"?["refused",r[0][0]]:[s==="call"?"failed":"n\\
o",r];queueMicrotask(()=>this.#R[i](a,"too-large",\`A frame may have \${n} bytes\`))}#U(e){e&&(e.said=!1),
this.#w??=this.#e.setTimer(()=>{this.#w=null,this.#S()},1e3)}#H(e){return this.#i.get(e)??[...this.#i.
values()].find(t=>A(t.name,e))}#W(e=1/0){let t=[],n=0;for(let s of this.#i.values()){if(s.said||s.paused||
this.#u.has(s.name))continue;let r=s.request();if(n+=w(JSON.stringify(r)),t.length===50||n>(t.length?
16384:e))break;t.push(r),s.said=!0}return t}#S(){if(!(!this.#b||this.#w)){for(let e;(e=this.#W()).length>
0;)this.#C(["sub",e]);this.#A(),this.#M()}}#q(e,t){let{name:n}=e;this.#i.get(n)===e&&(t&&this.#i.delete(
n),e.said&&(this.#u.add(n),this.#C(["unsub",[n]])),this.#A())}#G(e,t){d(!t||re(t),"headers",\`texts b\\
y name, \${se}\`,t&&Object.entries(t));let n=ArrayBuffer.isView(e)?new Uint8Array(e.buffer,e.byteOffset,
e.byteLength):e instanceof ArrayBuffer?new Uint8Array(e):JSON.stringify(e??null);d(n!==void 0,"data",
"JSON or bytes",typeof e),this.#Q("data",w(n));let s=typeof n=="string"?JSON.parse(n):n;return t?[s,
{...t}]:[s]}#Q(e,t){let n=Math.min(this.#t,this.#f);d(t<=n,e,\`at most \${n} bytes (maxMessageBytes)\`,
t)}#X(e,t,n,s){y(s,{headers:!0});let r=[e,0,t,...this.#G(n,s.headers)],i=R(r),a=w(i);return ce((l,u)=>{
if(this.#h)return u(this.#h);let{maxQueued:h,maxQueuedBytes:m}=this.#o;if(this.#x>=h||this.#E+a>m){let c=\`\\
The outbox is full: raise maxQueued (\${h}) or maxQueuedBytes (\${m})\`;return u(new f("too-many",c))}this.#j(
1,a),this.#p.then(()=>{if(this.#h)return u(this.#h);let c=this.#g++,p=this.#z(c,r,a,l,u);return this.#o.
save(c,i).then(()=>{p.ready=!0,this.#M()},E=>this.#F(c-this.#v)?.reject(E))},u)})}#z(e,t,n,s,r){let[
i,,...a]=t,u={frame:()=>[i,e-this.#v,...a],size:n,ready:!1,said:!1,resolve:s,reject:r};return this.#l.
set(e,u),u}#j(e,t){this.#x+=e,this.#E+=t}#Z(e){let t=n=>this.#h??this.#r.emit("error",n);for(let[n,s]of[
...e].sort(([r],[i])=>r-i)){let r=H(s);if(!r)this.#o.remove(n).catch(x);else if(n===0)[,this.#y,this.#v,
this.#g]=r;else{let i=w(s);this.#j(1,i),this.#z(n,r,i,x,t).ready=!0}this.#g=Math.max(this.#g,n+1)}this.#l.
size===0&&(this.#y=null)}#K(){return this.#o.save(0,R(["session",this.#y,this.#v,this.#g]))}#M(){if(!(!this.#b||
this.#w))for(let e of[this.#c,this.#T?this.#l:new Map]){let t=100;for(let n of e.values()){if(!n.ready||
t--===0)break;n.said||(n.said=!0,this.#C(n.frame()))}}}#F(e){let t=e+this.#v,n=this.#l.get(t);if(n)return this.#l.
delete(t),this.#j(-1,-n.size),t===this.#g-1&&this.#l.size>0&&this.#K().catch(x),this.#o.remove(t).catch(
x),this.#M(),n}#P(e){let t=this.#c.get(e);return this.#c.delete(e),t?.done(),this.#M(),t}};function x(){}
function ue(o){return typeof(o??"")=="string"}function $e(o){return typeof o=="object"&&o!==null}function ce(o){
let e=new Promise(o);return e.catch(x),e}var q="outbox";function de(o,e={}){let t=\`\${Date.now()} \${Math.random()}\`,n,s,r=async(a,l)=>{let u=(await(n??=
Ue(o))).transaction(q,a),h=l(u.objectStore(q));return await new Promise((m,c)=>{u.oncomplete=()=>m(h.
result),u.onabort=()=>c(u.error)})},i=a=>new Promise((l,u)=>{let{locks:h}=navigator;if(!h)return l(!0);
let m=c=>(l(c!==null),c?new Promise(p=>s=p):void 0);h.request(\`\${o} \${a}\`,{ifAvailable:!0},m).catch(
u)});return{...W(e),async load(){let a=await r("readonly",l=>l.getAll());for(let l of new Set([...a.
map(([u])=>u),t]))if(await i(l)){t=l;break}return a.filter(([l])=>l===t).map(([,l,u])=>[l,u])},async save(a,l){
await r("readwrite",u=>u.put([t,a,l],[t,a]))},async remove(a){await r("readwrite",l=>l.delete([t,a]))},
async close(){s?.(),(await n)?.close()}}}function Ue(o){let{indexedDB:e}=globalThis,t=e.open(o);return t.
onupgradeneeded=()=>t.result.createObjectStore(q),new Promise((n,s)=>{t.onsuccess=()=>n(t.result),t.
onerror=()=>s(t.error)})}export{D as ChannelClient,de as indexedDbOutbox};
`;
