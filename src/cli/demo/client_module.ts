/**
 * `@sluice/sluice/channels/client` and the outbox of IndexedDB as one file, for the page of `sluice demo`. Made of the
 * sources by `npm run docs`; a test compares them.
 *
 * @module
 */

/** JavaScript, for browsers. */
export const CLIENT_MODULE: string = `
var v=class extends Error{code;constructor(e,t,n){super(t,n),this.name=new.target.name,this.code=e}},
w=class extends v{option;constructor(e,t,n){super("ERR_OPTION",t,n),this.option=e}};var T=class extends v{constructor(e,t){super("ERR_UNSUPPORTED",e,t)}};var S=class extends v{constructor(e,t){super("ERR_IN_USE",e,t)}};var m=class extends v{reason;constructor(e,t,n){super(\`ERR_CHANNEL_\${e.toUpperCase().replaceAll("-",
"_")}\`,t,n),this.reason=e}};var V={now:Oe,setTimer:Te};function Oe(){return performance.now()}function Ce(o){return Math.max(0,Math.min(o,2147483647))}function Te(o,e){
let t=setTimeout(o,Ce(e));return()=>clearTimeout(t)}var Z="heartbeat.sluice",I="\\0heartbeat.sluice";var ee="farewell.sluice";var Se=/^(normal|urgent|deferred) wait=(0|[1-9]\\d{0,8}) retry=(0|[1-9]\\d{0,8})(?: (.+))?$/s;function te(o){let e=Se.exec(o);if(e===null)return null;let[,t,n,s,r=""]=e;return{flag:t,wait:Number(
n),retry:Number(s),words:r}}var R=class{#t=[];#e=!1;add(e){this.#t.push(e)}run(e){if(e(),!this.#e){this.#e=!0;for(let t=this.#t.
shift();t!==void 0;t=this.#t.shift())t();this.#e=!1}}};var A=class{#t;#e=0;constructor(e){this.#t=e}get retries(){return this.#e}next(){let{minDelay:e,maxDelay:t,
random:n}=this.#t,s=Math.min(t,e*2**Math.min(this.#e,32));return this.#e++,n()*s}reset(){this.#e=0}};function k(o,e){try{return o()}catch(t){return queueMicrotask(()=>{throw t}),e}}var M=class{#t;#e=!1;#r;#o=null;#l=1/0;#s=0;#a=!1;#n=()=>{};constructor(e){this.#t=e,this.#r=e.clock.
now()}begin(){this.#e||this.#a||(this.#e=!0,this.#o===null&&this.#i(this.#r+this.#t.interval))}heard(){
this.#r=this.#t.clock.now()}check(){this.#o===null&&!this.#a&&this.#u()}checkIfAble(){this.#e&&this.
check()}stop(){this.#a=!0,this.#n(),this.#n=()=>{}}#u(){let{clock:e,timeout:t,ask:n,unsent:s}=this.#t;
this.#o=e.now(),this.#i(this.#o+t),this.#e&&n(),this.#s=s()}#p(){let e=this.#s;return this.#s=this.#t.
unsent(),this.#s<e}#i(e){let{clock:t}=this.#t;this.#n(),this.#l=e,this.#n=t.setTimer(()=>this.#c(),Math.
max(0,e-t.now()))}#c(){let{clock:e,interval:t,timeout:n,dead:s}=this.#t,r=e.now(),i=this.#o;if(i!==null&&
this.#r<i)return r-this.#l>=1e3?this.#u():this.#p()?this.#i(r+n):s(r-this.#r);this.#o=null,this.#e&&
(r-this.#r>=t?this.#u():this.#i(this.#r+t))}};var ne={capture:!0},_=class{#t;#e=!1;#r;constructor(e,t){this.#t=e,this.#r=[["pagehide",()=>!this.#e&&
(this.#e=!0,t.away())],["pageshow",()=>this.#e&&(this.#e=!1,t.back())],["offline",()=>t.offline()],[
"online",()=>t.awake()],["visibilitychange",()=>e?.document?.visibilityState!=="hidden"&&t.awake()],
["resume",()=>t.awake()]];for(let[n,s]of this.#r)e?.addEventListener(n,s,ne)}stop(){for(let[e,t]of this.#r)
this.#t?.removeEventListener(e,t,ne)}};function se(){let o=globalThis;return typeof o.addEventListener==
"function"?o:null}var re={connecting:{opened:"open",lost:"waiting",away:"away",end:"closed"},open:{lost:"waiting",away:"\\
away",leave:"closing",end:"closed"},waiting:{due:"connecting",back:"waiting",away:"away",end:"closed"},
away:{back:"waiting",end:"closed"},closing:{end:"closed"},closed:{}};function H(o){let{location:e}=globalThis,t="",n;try{let s=new URL(o,e?.href);s.hash="",t=s.href.replace(
/^http/,"ws")}catch(s){n=s}if(/^wss?:/.test(t))return t;throw new w("url",\`url must be an address th\\
at begins with ws:, wss:, http: or https:, got \${o}\`,{cause:n})}var U=1001,j={code:1006,reason:"",wasClean:!1},Re={wasClean:!0,opened:!1,unsentBytes:0,farewell:null},
P=class{state="connecting";protocol="";url="";closed;#t;#e;#r;#o;#l;#s=new R;#a=()=>{};#n=null;#u=()=>{};#p=0;constructor(e,t,n){
this.#t=typeof e=="function"?e:H(e),typeof this.#t=="string"&&(this.url=this.#t),this.#e=t,this.#r=n,
this.#o=new A(t),this.closed=new Promise(s=>this.#a=s),this.#l=new _(t.page,{away:()=>this.#s.run(()=>this.#d()),
back:()=>this.#s.run(()=>this.#P()),offline:()=>this.#n?.heart?.check(),awake:()=>this.#s.run(()=>this.#I())}),
queueMicrotask(()=>this.#s.run(()=>this.#h()))}get unsent(){return this.#n?.socket?.bufferedAmount??
0}close(e,t){this.#s.run(()=>this.#D(e,t))}#i(e,t=0){let n=this.state,s=re[n][e];if(s===void 0)throw new Error(
\`Got \${e} while \${n}\`);this.#u(),this.#u=()=>{},this.state=s;let r={state:s,previous:n,delay:t,attempt:this.#o.
retries};this.#s.add(()=>this.#r.state(r))}#c(e,t){this.#u(),this.#u=this.#e.clock.setTimer(()=>this.#s.
run(t),e)}#h(){this.state==="connecting"&&this.#g()}#g(){let e={socket:null,opened:!1,greeted:!1,heart:null};
this.#n=e;let{connectTimeout:t}=this.#e;this.#c(t,()=>this.#b(e,"connect",t));let n=this.#t;if(typeof n!=
"function")return this.#y(e,n);Promise.resolve().then(n).then(s=>this.#s.run(()=>this.#y(e,s)),s=>this.#s.
run(()=>this.#m(e,{...j,error:s})))}#y(e,t){if(e!==this.#n)return;let{transport:n,protocols:s}=this.#e;
try{this.url=H(t),e.socket=n(this.url,s,{open:r=>this.#s.run(()=>this.#k(e,r)),message:r=>this.#s.run(
()=>this.#S(e,r)),close:r=>this.#s.run(()=>this.#m(e,r))})}catch(r){this.#m(e,{...j,error:r})}}#k(e,t){
e!==this.#n||e.opened||(e.opened=!0,this.protocol=t,this.#i("opened"),this.#s.add(()=>this.#r.open()),
e.heart=this.#w(e),this.#e.heartbeat?.message!=null&&e.heart?.begin(),this.#v(e))}#v(e){let t=r=>this.#f(
e,"hello",0,r),n;try{n=this.#e.hello()}catch(r){return t(r)}if(typeof n?.then!="function")return this.#N(
e,n);let{connectTimeout:s}=this.#e;this.#c(s,()=>this.#f(e,"late hello",s)),Promise.resolve(n).then(
r=>this.#s.run(()=>this.#N(e,r)),r=>this.#s.run(()=>t(r)))}#N(e,t){if(!(e!==this.#n||this.state!=="o\\
pen")){try{for(let n of this.#e.checked(t))e.socket.send(n)}catch(n){return this.#f(e,"hello",0,n)}e.
greeted=!0,this.#c(this.#e.stableAfter,()=>this.#o.reset()),this.#r.ready()}}#f(e,t,n,s){e===this.#n&&
this.state==="open"&&this.#C(this.#A(e,U,t,n,s))}#w(e){let{heartbeat:t,clock:n}=this.#e;if(t===null||
t.message===null&&e.socket.pings===!0)return null;let{message:s}=t;return new M({...t,clock:n,ask:()=>k(
()=>{e.socket.send(s===null?I:s())},void 0),unsent:()=>e.socket.bufferedAmount,dead:r=>this.#s.run(()=>this.#b(
e,"silence",r))})}#S(e,t){if(e===this.#n){if(e.heart?.heard(),t===I&&this.#e.offersBeat)return e.heart?.
begin();this.#s.add(()=>this.#r.message(t))}}hand(e){return this.state==="open"&&this.#n.greeted&&this.#n.
socket.send(e)}#m(e,t){e===this.#n&&this.#C(this.#B(e,t))}#b(e,t,n){this.#C(this.#A(e,U,t,n))}#C(e){
let t=this.state!=="closing"&&this.#E(e);if(this.#s.add(()=>this.#r.end(e,t!==!1)),t===!1)return this.#R(
e);e.farewell!==null&&(this.#p=this.#e.clock.now()+e.farewell.retry),this.#x("lost",t===!0?Me(e):t)}#E(e){
let{maxAttempts:t,shouldReconnect:n}=this.#e,s=Ae(e.code);return this.#o.retries<t&&k(()=>n(e,s),s)}#x(e,t=0){
let{clock:n}=this.#e,s=Math.max(this.#o.next()+t,this.#p-n.now());this.#i(e,s),this.#c(s,()=>{this.#i(
"due"),this.#g()})}#d(){let e=this.#n;if(e!==null){let t=this.#A(e,U,"away");this.#s.add(()=>this.#r.
end(t,!0))}this.#i("away")}#P(){this.#o.reset(),this.#x("back")}#I(){this.state==="waiting"?this.#P():
this.#n?.heart?.checkIfAble()}#D(e,t){if(this.state==="closing"||this.state==="closed")return;let n=this.#n;
if(this.state!=="open")return n!==null&&this.#A(n,e,"unopened"),this.#R({...Re,code:e,reason:t});this.#$(),
n.heart?.stop(),this.#i("leave");let{closeTimeout:s}=this.#e;this.#c(s,()=>this.#b(n,"close",s)),n.socket.
close(e,t)}#R(e){this.#$(),this.#i("end"),this.#s.add(()=>this.#r.close(e)),this.#a()}#$(){this.#l.stop(),
this.#r.stopped()}#A(e,t,n,s=0,r){let i=this.#e.dropped(n,s,r),a=this.#B(e,{...j,error:i});return k(
()=>e.socket?.close(t,i.message),void 0),a}#B(e,t){this.#n=null,e.heart?.stop();let{opened:n}=e,s=n?
e.socket.bufferedAmount:0;return{...t,opened:n,unsentBytes:s,farewell:te(t.reason)}}};function Ae(o){
return o!==1e3&&o!==1008&&o!==1010&&o<3e3}function Me({error:o}){let{code:e,retryAfter:t}=o??{};return e===
"ERR_HANDSHAKE"?t??0:0}var _e=0,Pe=1,oe={code:1006,reason:"",wasClean:!1};function W(o,e,t){q();let n=new WebSocket(o,[...e]);
return n.binaryType="arraybuffer",Le(n,t),new F(n)}function q(){if(typeof globalThis.WebSocket!="fun\\
ction")throw new T("This runtime has no WebSocket of its own: pass transport: webSocketTransport() o\\
f @sluice/sluice/websocket")}function Le(o,e){let t,n=!1,s=({code:r,reason:i,wasClean:a})=>{n||(n=!0,
e.close({code:r||oe.code,reason:i,wasClean:a,error:t}))};o.onopen=()=>e.open(o.protocol),o.onmessage=
({data:r})=>e.message(typeof r=="string"?r:new Uint8Array(r)),o.onerror=r=>{t=Ne(r),o.readyState===_e&&
setTimeout(()=>s(oe),0)},o.onclose=s}function Ne(o){let{error:e,message:t}=o;return e instanceof Error?
e:typeof t=="string"&&t!==""?new Error(t):void 0}var F=class{#t;constructor(e){this.#t=e}get bufferedAmount(){
return this.#t.bufferedAmount}send(e){return this.#t.readyState!==Pe?!1:(this.#t.send(e),!0)}close(e,t){
this.#t.close(e>=3e3?e:1e3,t)}};var ie=255,De="$",$e="*";var Be=/^(?!\\$)[^\\0-\\x1f\\x7f\\p{Cs}]+$/u;var Q=\`a name of 1 to \${ie} characters, no control character, "\${De}" not first and "\${$e}" not last\`;
function z(o){return typeof o=="string"&&o.length<=ie&&Be.test(o)}var le="channels.sluice";var E={protocol:4400,unauthorized:4401,expired:4402,revoked:4403,fenced:4409,flood:4429},L=3,ue=new TextEncoder,
Ie=new TextDecoder("utf-8",{fatal:!0});function x(o){return typeof o=="string"?ue.encode(o).length:o.
length}function C(o){let e=o[L];return e instanceof Uint8Array?He(JSON.stringify(o.map((t,n)=>n===L?
null:t)),e):JSON.stringify(o)}function He(o,e){let t=ue.encode(o);if(t.length>65535)throw new RangeError(
\`A frame's head has \${t.length} bytes, it may have 65535\`);let n=new Uint8Array(2+t.length+e.length);
return n.set([t.length>>8,t.length]),n.set(t,2),n.set(e,2+t.length),n}function G(o){try{if(typeof o==
"string")return ae(JSON.parse(o));let e=2+(o[0]<<8|o[1]);if(!(e<=o.length))return null;let t=ae(JSON.
parse(Ie.decode(o.subarray(2,e))));if(t===null)return null;let n=[...t];for(;n.length<L;)n.push(null);
return n[L]=o.subarray(e),n}catch{return null}}function ae(o){return Array.isArray(o)&&typeof o[0]==
"string"?o:null}var ce="at most 32 names, and 4096 characters in all";function he(o){if(typeof o!="object"||o===null||
Symbol.iterator in o)return!1;let e=Object.entries(o);return e.length<=32&&e.every(([,t])=>typeof t==
"string")&&e.flat().join("").length<=4096}function y(o,e,t){for(let n in e)if(!Object.hasOwn(t,n))throw new w(n,\`\${o} has no option \${n}, it h\\
as \${Object.keys(t).join(", ")}\`)}function d(o,e,t,n){if(!o)throw new w(e,\`\${e} must be \${t}, got \${String(
n).slice(0,99)}\`)}function p(o,e){return d(typeof e=="number"&&e>=1,o,"a number from 1 on",e),e}var O=class{#t={};#e=[];#r=null;#o=!1;#l=!1;#s=null;constructor(e){for(let t of e)this.#t[t]=new Set}get queued(){
return this.#e.length}on(e,t){let n=this.#t[e];return d(!!n,"type",\`one of \${Object.keys(this.#t)}\`,
e),d(typeof t=="function","listener","a function",t),n.add(t),this.pump(),()=>n.delete(t)}emit(e,t){
let n=[...this.#t[e]];for(let s of n)k(()=>s(t),void 0);return n.length>0}add(e,t,n){this.#e.push({type:e,
value:t,taken:n}),this.pump()}pump(){for(let e=this.#e[0];e&&this.#a(e);e=this.#e[0]){this.#e.shift(),
e.taken?.();let t=this.#r;e.type!=="message"||!t?e.type&&this.emit(e.type,e.value):(this.#r=null,this.#o=
!0,t.resolve({value:e.value,done:!1}))}this.#e.length>0||(this.#l?this.#n():this.emptied())}emptied(){}end(e=null){
this.#l||(this.#l=!0,this.#s=e,this.pump())}clear(){this.#e=[]}next(){if(this.#r)throw new S("next()\\
 is pending: one loop takes all messages");this.#o=!1;let e=new Promise((t,n)=>this.#r={resolve:t,reject:n});
return this.pump(),e}return(){return Promise.resolve({value:void 0,done:!0})}[Symbol.asyncIterator](){
return this}#a({type:e}){return e!=="message"?!this.#o:this.#r!==null||this.#t.message.size>0}#n(){let e=this.#r;
this.#r=null,this.#s&&e?(e.reject(this.#s),this.#s=null):e?.resolve({value:void 0,done:!0})}};function K(o,e){return y(o,e,{maxQueued:!0,maxQueuedBytes:!0}),{maxQueued:p("maxQueued",e.maxQueued??
1e3),maxQueuedBytes:p("maxQueuedBytes",e.maxQueuedBytes??1048576)}}function de(o={}){let e=()=>Promise.
resolve();return{...K("memoryOutbox()",o),load:()=>Promise.resolve([]),save:e,remove:e,close:e}}var Ue=1e3,N=class extends O{name;said=!1;paused=!1;#t;#e;#r;#o=new Map;#l=!1;#s=!1;#a;#n=new Set;constructor(e,t,n,s){
super(["message","gap","presence","members","live","refused"]),y("subscribe()",t,{since:!0,member:!0,
maxQueued:!0});let{since:r,maxQueued:i=1e3}=t;this.name=e,this.#e=t,this.#r=p("maxQueued",i),this.#t=
s,r!==void 0&&r!=="oldest"&&(n={[e]:r});for(let[a,u]of Object.entries(n??{}))this.#p(a,u);this.#l=n!==
void 0}get position(){return this.#a?.taken}get positions(){return this.#l?this.#i(({taken:e})=>e):void 0}get members(){
return[...this.#o.values()].flatMap(({members:e})=>[...e.values()])}get isLive(){return this.#s&&[...this.#o.
values()].every(({live:e})=>e)}covers(e){return e===this.name||this.name.endsWith("*")&&e.startsWith(
this.name.slice(0,-1))}request(){let{since:e,member:t}=this.#e,n=this.#l||this.#n.size>0||e==="oldes\\
t"?"oldest":void 0,s=this.#l?this.#i(({offset:r,grant:i})=>\`\${r}.\${i}\`):null;return[this.name,s,{since:n,
member:t}]}silence(){this.said=this.#s=!1;for(let e of this.#o.values())e.open=e.live=!1;this.#t.moved()}forget(){
this.#n=new Set(this.#o.keys()),this.#o.clear(),this.#l=!1}close(){this.clear(),this.end(),this.#t.leave(
this,!0)}return(){return this.close(),super.return()}emptied(){this.paused&&(this.paused=!1,this.#t.
want())}subbed(e,t,n,s){if(!this.said||!this.#k())return;let r=this.#o.get(e)??this.#u(e,-1,"");r.open=
this.#s=this.#l=!0,this.#n.delete(e)&&(s??="epoch"),(s!==null||t!==r.grant||n>r.offset)&&this.#g(e,r,
t,n,s),this.#t.moved()}watch(){this.said&&(this.#s=this.#l=!0),this.#t.moved()}gap(e,t,n,s){let r=this.#c(
e);r&&this.#g(e,r,t,n,s)}live(e){let t=this.#c(e);t&&(t.live=!0,this.add("live",{channel:e}),this.#t.
moved())}m(e,t,n,s={}){this.#h("message",e,t,{data:n,headers:s})}p(e,t,n){this.#h("presence",e,t,n,({
members:s,changes:r,membersAt:i})=>{t<=i||(r.splice(0,r.push([t,n])-Ue),fe(s,n))})}memberList(e,t,n){
let s=this.#c(e);s&&this.add("members",{channel:e},()=>{s.members=new Map(n.map(r=>[r.member,r])),s.
membersAt=t;for(let[r,i]of s.changes)r>t&&fe(s.members,i)})}reach(e,t){this.#h(null,e,t)}refused(e,t){
let n=new m(e,t);return this.emit("refused",n),n}#u(e,t,n,s){let i={offset:t,grant:n,open:!1,live:!1,
taken:s,...{members:new Map,membersAt:0,changes:[]}};return this.#o.set(e,i),i}#p(e,t){let[,n,s]=/^(\\d+)\\.(.+)$/.
exec(t)??[],r=s&&!e.endsWith("*")&&this.covers(e);d(!!r,"since",\`"oldest" or a position of \${this.name}\`,
t),this.#a=this.#u(e,Number(n),s,t)}#i(e){let t=[...this.#o].map(([n,s])=>[n,e(s)]);return Object.fromEntries(
t.filter(([,n])=>n))}#c(e){let t=this.#o.get(e);return t?.open&&this.#k()?t:void 0}#h(e,t,n,s,r){let i=this.#o.
get(t);if(!i?.open||!(n>i.offset)||!this.#k())return;i.offset=n;let a=\`\${n}.\${i.grant}\`;this.add(e,{
...s,channel:t,offset:n,position:a},()=>{this.#y(i,a),r?.(i)})}#g(e,t,n,s,r){let i=t.grant!==n;t.grant=
n,t.offset=s;let a=\`\${s}.\${n}\`;this.add(r&&"gap",{channel:e,reason:r,position:a},()=>{i&&(t.membersAt=
t.changes.length=0),this.#y(t,a)})}#y(e,t){e.taken=t,this.#a=e}#k(){return this.queued<this.#r?!0:(this.
paused=!0,this.#t.leave(this,!1),this.silence(),!1)}};function fe(o,{type:e,instance:t,member:n,user:s,
data:r}){if(e==="join")o.set(n,{member:n,user:s,instance:t,data:r});else if(e==="leave")o.get(n)?.instance===
t&&o.delete(n);else for(let[i,a]of o)a.instance===t&&o.delete(i)}var We=100,qe=50,me=16384,Qe=2147483647,pe=1024,ze=1e3,Ge=1e4,Ke=1e3,ge=1009,Xe=["m","p","live","gap"],
be=["unavailable","draining"],Je={token:!0,outbox:!0,position:!0,maxMessageBytes:!0,transport:!0,minDelay:!0,
maxDelay:!0,page:!0,clock:!0,random:!0},D=class{#t;#e;#r;#o;#l;#s;#a=new O(["message","state","end",
"error"]);#n=new Map;#u=new Set;#p=1/0;#i=new Map;#c=new Map;#h=new Map;#g;#y=0;#k=0;#v=1;#N=1;#f=null;#w=0;#S="\\
connecting";#m=0;#b=!1;#C=!1;#E=null;#x=null;#d=null;#P=!1;constructor(e,t={}){y("ChannelClient()",t,
Je);let{token:n=null,outbox:s=de(),transport:r=W,clock:i=V}=t,{position:a={},page:u=se(),minDelay:l=500,
maxDelay:f=3e4}=t;d(typeof n=="function"||ye(n),"token","a text, a function or null",typeof n),d(typeof s?.
load=="function","outbox","an Outbox",s),d(typeof r=="function","transport","a Transport",r),d(!u||typeof u.
addEventListener=="function","page","a PageTarget or null",u),d([a,...Object.values(a??{})].every(Ye),
"position","a ClientPosition",a),d(p("maxDelay",f)>=p("minDelay",l),"maxDelay","minDelay or more",f),
r===W&&q(),this.#r=n,this.#o=s,this.#e=i,this.#l=p("maxMessageBytes",t.maxMessageBytes??65536),this.#s=
new Map(Object.entries(a)),this.#t=new P(e,{protocols:[le,ee,Z],minDelay:l,maxDelay:f,maxAttempts:1/0,
connectTimeout:1e4,stableAfter:5e3,closeTimeout:5e3,heartbeat:{message:null,interval:3e4,timeout:1e4},
offersBeat:!0,transport:r,page:u,clock:i,random:t.random??Math.random,checked:c=>c,dropped:(c,h,b)=>new Error(
\`Given up: \${c}\`,{cause:b}),hello:()=>this.#I(),shouldReconnect:(c,h)=>this.#Y(c,h)},{open:g,ready:g,
stopped:g,state:()=>this.#M(),message:c=>this.#$(c),end:(c,h)=>{this.#B(),this.#a.emit("end",{...c,willReconnect:h})},
close:c=>this.#V(c)}),this.#g=s.load().then(c=>this.#ne(c)),this.#g.catch(c=>this.#H(c))}get state(){
return this.#S}get position(){let e=[...this.#n].map(([t,{positions:n}])=>[t,n]);return Object.fromEntries(
[...this.#s,...e].filter(([,t])=>t))}get unacknowledged(){return this.#y}get messages(){return this.#a}get closed(){
return this.#t.closed}on(e,t){return this.#a.on(e,t)}subscribe(e,t={}){d(z(e)&&e!=="*","name",Q,e);for(let s of this.#n.
values()){let r=s.covers(e)||e.endsWith("*")&&s.name.startsWith(e.slice(0,-1));d(!r,"name",\`apart fr\\
om \${s.name}, which is subscribed: close that first\`,e)}this.#G("member",x(JSON.stringify(t.member)??
""));let n=new N(e,t,this.#s.get(e),{want:()=>this.#_(),leave:(s,r)=>this.#Q(s,r),moved:()=>this.#M()});
return this.#s.delete(e),this.#d?n.end(this.#d):this.#n.set(e,n),this.#_(),n}publish(e,t,n={}){return d(
z(e)&&!e.endsWith("*"),"channel",Q,e),this.#K("pub",e,t,n)}send(e,t={}){return this.#K("msg",null,e,
t)}call(e,t,n={}){let{timeout:s=3e4,signal:r,headers:i,idempotent:a=!1}=n;y("call()",n,{headers:!0,timeout:!0,
signal:!0,idempotent:!0}),d(typeof e=="string"&&e.length<=pe,"method",\`a text of at most \${pe} chara\\
cters\`,e),p("timeout",s);let u=this.#z(t,i),l=this.#N++,f=this.#e.now()+s;return ve((c,h)=>{if(this.#d)
return h(this.#d);if(r?.aborted)return h(r.reason);let b=B=>{let Y=this.#L(l);Y?.said&&this.#O(["can\\
cel",l]),Y?.reject(B)},$=()=>b(new m("timeout",\`No answer within \${s} ms\`)),J=()=>b(r.reason),xe=s<1/0?
this.#e.setTimer($,s):g;r?.addEventListener("abort",J);let ke=()=>{xe(),r?.removeEventListener("abor\\
t",J)},Ee=()=>{let B=s<Qe?Math.max(1,Math.ceil(f-this.#e.now())):0;return["call",l,[e,B],...u]};this.#c.
set(l,{frame:Ee,resolve:c,reject:h,ready:!0,said:!1,idempotent:a,done:ke}),this.#T()})}close(){return this.#P=
!0,this.#t.close(1e3,""),this.#t.closed}async#I(){let e=this.#m;await this.#g;let t=await this.#D(),
n=e===this.#m;return[C(["hello",1,t,this.#f,n?this.#j(me):[]])]}async#D(){let e=typeof this.#r=="fun\\
ction"?await this.#r():this.#r;return d(ye(e??null),"token","a text or null",typeof e),e}#R={welcome:(e,t,n,s,r)=>{
this.#p=r??1/0,this.#A(e)},subbed:(e,...t)=>this.#n.get(e)?.subbed(...t),watch:e=>this.#n.get(e)?.watch(),
unsubbed:e=>{for(let t of e)this.#u.delete(t);this.#_()},refused:(e,t,n,s)=>{let r=this.#n.get(e);if(r?.
said){if(s!==void 0)return r.refused(t,n);if(t==="bad-position"||be.includes(t))return r.silence(),t!==
"bad-position"?this.#q():(r.forget(),this.#_());this.#Q(r,!0),r.end(r.refused(t,n))}},members:(...e)=>this.#U(
e[0])?.memberList(...e),bye:e=>{for(let[t,n]of Object.entries(e))this.#U(t)?.reach(t,n)},d:(e,t,n,s)=>this.#ee(
e,t,n,s),ok:(e,t,n)=>{let s=this.#W(e);s?.resolve(s.isPublished?{offset:t,duplicate:n}:void 0)},no:(e,t,n)=>{
let s=new m(t,n);if(!be.includes(t))return this.#W(e)?.reject(s);let r=this.#i.get(e+this.#w);r&&(r.
said=!1),this.#q()},answer:(e,t,n)=>this.#L(e)?.resolve(n),failed:(e,t,n)=>{let s=new m(t,n);this.#L(
e)?.reject(s)},token:()=>{this.#te()},error:(e,t)=>this.#x=new m(e,t)};#$(e){try{let[t,...n]=G(e);Xe.
includes(t)?this.#U(n[0])?.[t](...n):Object.hasOwn(this.#R,t)&&this.#R[t](...n)}catch(t){this.#H(new m(
"bad-frame","The server sent what is no frame",{cause:t}),E.protocol)}}#A(e){let t=this.#m,[n=this.#v]=this.#i.
keys();e!==this.#f&&(this.#w=n-1),this.#f=e,this.#b=!0,this.#x=null,this.#u.size>0&&this.#O(["unsub",
[...this.#u]]),this.#_(),this.#T(),this.#J().then(()=>{this.#C=t===this.#m,this.#T()},s=>this.#H(s))}#B(){
this.#m++,this.#b=this.#C=!1,this.#E?.(),this.#E=null,this.#u.clear();for(let t of this.#n.values())
t.silence();for(let t of this.#i.values())t.said=!1;let e=new m("unavailable","The connection was lo\\
st: it may have been done");for(let[t,n]of this.#c)n.said&&!n.idempotent?this.#L(t).reject(e):n.said=
!1;this.#M()}#Y({code:e},t){return e===E.expired||e===E.unauthorized?typeof this.#r=="function":this.#f&&
this.#x?.reason==="bad-session"?(this.#f=null,!0):e===E.flood?Ge:t&&e!==ge}#H(e,t=1e3){this.#x=e,this.#t.
close(t,"")}#V({code:e,reason:t}){let n=Object.entries({...E,"too-large":ge}),[s="unavailable"]=n.find(
([,a])=>a===e)??[],r=this.#P||e===1e3&&!this.#x?null:this.#x??new m(s==="protocol"?"bad-frame":s,t||
\`The server closed with \${e}\`),i=this.#d=r??new m("canceled","The client is closed");for(let a of this.#n.
values())a.end(r);for(let{reject:a}of this.#i.values())a(i);for(let a of this.#c.keys())this.#L(a).reject(
i);this.#o.close(),this.#M(),r&&this.#a.emit("error",r),this.#a.end(r)}#M(){let e=this.#Z();e!==this.#S&&
(this.#S=e,this.#a.emit("state",e))}#Z(){if(this.#d)return"closed";let{state:e}=this.#t;return e.startsWith(
"clos")?this.#S:this.#b?[...this.#n.values()].every(({isLive:t})=>t)?"live":"catching-up":e==="waiti\\
ng"||e==="away"?"offline":"connecting"}#O(e){if(!this.#b)return;let t=C(e),n=this.#p+32768;if(x(t)<=
n)return void this.#t.hand(t);let[s,r]=e,[i,a]=s==="sub"?["refused",r[0][0]]:[s==="call"?"failed":"n\\
o",r];queueMicrotask(()=>this.#R[i](a,"too-large",\`A frame may have \${n} bytes\`))}#q(){this.#E??=this.#e.
setTimer(()=>{this.#E=null,this.#_(),this.#T()},ze)}#U(e){return this.#n.get(e)??[...this.#n.values()].
find(t=>t.covers(e))}#j(e=1/0){let t=[],n=0;for(let s of this.#n.values()){if(s.said||s.paused||this.#u.
has(s.name))continue;let r=s.request();if(n+=x(JSON.stringify(r)),t.length===qe||n>(t.length?me:e))break;
t.push(r),s.said=!0}return t}#_(){if(!(!this.#b||this.#E)){for(let e=this.#j();e.length>0;e=this.#j())
this.#O(["sub",e]);this.#M()}}#Q(e,t){let{name:n}=e;this.#n.get(n)===e&&(t&&this.#n.delete(n),e.said&&
(this.#u.add(n),this.#O(["unsub",[n]])),this.#M())}#ee(e,t,n,s={}){let r=this.#h.get(e);if(r===!0&&this.#O(
["ack",[e]]),r)return;let i=(...f)=>{if(this.#h.get(e)===l){this.#h.delete(e),f[0]==="ack"&&this.#h.
set(e,!0),this.#O(f);for(let[c,h]of this.#h)h===!0&&this.#h.size>Ke&&this.#h.delete(c)}},l={id:e,attempt:t,
data:n,headers:s,ack:()=>i("ack",[e]),nack:(f=0)=>i("nack",e,f)};this.#h.set(e,l),this.#a.add("messa\\
ge",l)}async#te(){let e=this.#m;if(typeof this.#r!="function")return;let t=await this.#D().catch(g);
t!==void 0&&e===this.#m&&this.#O(["token",t])}#z(e,t){d(!t||he(t),"headers",\`texts by name, \${ce}\`,t&&
Object.entries(t));let n=ArrayBuffer.isView(e)?new Uint8Array(e.buffer,e.byteOffset,e.byteLength):e instanceof
ArrayBuffer?new Uint8Array(e):JSON.stringify(e??null);d(n!==void 0,"data","what JSON can say, or byt\\
es",typeof e),this.#G("data",x(n));let s=typeof n=="string"?JSON.parse(n):n;return t?[s,{...t}]:[s]}#G(e,t){
let n=Math.min(this.#l,this.#p);d(t<=n,e,\`at most \${n} bytes (maxMessageBytes)\`,t)}#K(e,t,n,s){y(e===
"pub"?"publish()":"send()",s,{headers:!0});let r=this.#z(n,s.headers),i=C([e,0,t,...r]),a=x(i);return ve(
(u,l)=>{if(this.#d)return l(this.#d);let{maxQueued:f,maxQueuedBytes:c}=this.#o;if(this.#y>=f||this.#k+
a>c){let h=\`The outbox is full: raise maxQueued (\${f}) or maxQueuedBytes (\${c})\`;return l(new m("too\\
-many",h))}this.#F(1,a),this.#g.then(()=>{if(this.#d)return l(this.#d);let h=this.#v++,b=this.#X(h,[
e,0,t,...r],a,u,l);return this.#o.save(h,i).then(()=>{b.ready=!0,this.#T()},$=>this.#W(h-this.#w)?.reject(
$))},l)})}#X(e,t,n,s,r){let[i,,...a]=t,l={frame:()=>[i,e-this.#w,...a],size:n,isPublished:i==="pub",
ready:!1,said:!1,resolve:s,reject:r};return this.#i.set(e,l),l}#F(e,t){this.#y+=e,this.#k+=t}#ne(e){
let t=n=>this.#d??this.#a.emit("error",n);for(let[n,s]of[...e].sort(([r],[i])=>r-i)){let r=G(s);if(!r)
this.#o.remove(n).catch(g);else if(n===0)[,this.#f,this.#w,this.#v]=r;else{let i=x(s);this.#F(1,i),this.#X(
n,r,i,g,t).ready=!0}this.#v=Math.max(this.#v,n+1)}this.#i.size===0&&(this.#f=null)}#J(){return this.#o.
save(0,C(["session",this.#f,this.#w,this.#v]))}#T(){if(!(!this.#b||this.#E))for(let e of[this.#c,this.#C?
this.#i:new Map]){let t=We;for(let n of e.values()){if(!n.ready||t--===0)break;n.said||(n.said=!0,this.#O(
n.frame()))}}}#W(e){let t=e+this.#w,n=this.#i.get(t);if(n)return this.#i.delete(t),this.#F(-1,-n.size),
t===this.#v-1&&this.#i.size>0&&this.#J().catch(g),this.#o.remove(t).catch(g),this.#T(),n}#L(e){let t=this.#c.
get(e);return this.#c.delete(e),t?.done(),this.#T(),t}};function g(){}function ye(o){return o===null||
typeof o=="string"}function Ye(o){return typeof o=="object"&&o!==null}function ve(o){let e=new Promise(
o);return e.catch(g),e}var X="outbox";function we(o,e={}){let t=\`\${Date.now()} \${Math.random()}\`,n,s,r=async(a,u)=>{let l=(await(n??=
Ve(o))).transaction(X,a),f=u(l.objectStore(X));return await new Promise((c,h)=>{l.oncomplete=()=>c(f.
result),l.onabort=()=>h(l.error)})},i=a=>new Promise((u,l)=>{let{locks:f}=navigator;if(!f)return u(!0);
let c=h=>(u(h!==null),h?new Promise(b=>s=b):void 0);f.request(\`\${o} \${a}\`,{ifAvailable:!0},c).catch(
l)});return{...K("indexedDbOutbox()",e),async load(){let a=await r("readonly",u=>u.getAll());for(let u of new Set(
[...a.map(([l])=>l),t]))if(await i(u)){t=u;break}return a.filter(([u])=>u===t).map(([,u,l])=>[u,l])},
async save(a,u){await r("readwrite",l=>l.put([t,a,u],[t,a]))},async remove(a){await r("readwrite",u=>u.
delete([t,a]))},async close(){s?.(),(await n)?.close()}}}function Ve(o){let{indexedDB:e}=globalThis,
t=e.open(o);return t.onupgradeneeded=()=>t.result.createObjectStore(X),new Promise((n,s)=>{t.onsuccess=
()=>n(t.result),t.onerror=()=>s(t.error)})}export{D as ChannelClient,we as indexedDbOutbox};
`;
