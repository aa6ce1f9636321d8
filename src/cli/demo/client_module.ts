/**
 * `@sluice/sluice/channels/client` and the outbox of IndexedDB as one file, for the page of `sluice demo`. Made of the
 * sources by `npm run docs`; a test compares them.
 *
 * @module
 */

/** JavaScript, for browsers. */
export const CLIENT_MODULE: string = `
var b=class extends Error{code;constructor(e,t,n){super(t,n),this.name=new.target.name,this.code=e}},
c=class extends b{option;constructor(e,t,n){super("ERR_OPTION",t,n),this.option=e}};var O=class extends b{constructor(e,t){super("ERR_UNSUPPORTED",e,t)}};var C=class extends b{constructor(e,t){super("ERR_IN_USE",e,t)}};var f=class extends b{reason;constructor(e,t,n){super(\`ERR_CHANNEL_\${e.toUpperCase().replaceAll("-",
"_")}\`,t,n),this.reason=e}};var z={now:fe,setTimer:pe};function fe(){return performance.now()}function me(o){return Math.max(0,Math.min(o,2147483647))}function pe(o,e){
let t=setTimeout(o,me(e));return()=>clearTimeout(t)}var G="heartbeat.sluice",D="\\0heartbeat.sluice";var J="farewell.sluice";var ge=/^(normal|urgent|deferred) wait=(0|[1-9]\\d{0,8}) retry=(0|[1-9]\\d{0,8})(?: (.+))?$/s;function X(o){let e=ge.exec(o);if(e===null)return null;let[,t,n,s,r=""]=e;return{flag:t,wait:Number(
n),retry:Number(s),words:r}}var T=class{#t=[];#e=!1;add(e){this.#t.push(e)}run(e){if(e(),!this.#e){this.#e=!0;for(let t=this.#t.
shift();t!==void 0;t=this.#t.shift())t();this.#e=!1}}};var R=class{#t;#e=0;constructor(e){this.#t=e}get retries(){return this.#e}next(){let{minDelay:e,maxDelay:t,
random:n}=this.#t,s=Math.min(t,e*2**Math.min(this.#e,32));return this.#e++,n()*s}reset(){this.#e=0}};function w(o,e){try{return o()}catch(t){return queueMicrotask(()=>{throw t}),e}}var S=class{#t;#e=!1;#r;#o=null;#i=1/0;#s=0;#l=!1;#n=()=>{};constructor(e){this.#t=e,this.#r=e.clock.
now()}begin(){this.#e||this.#l||(this.#e=!0,this.#o===null&&this.#a(this.#r+this.#t.interval))}heard(){
this.#r=this.#t.clock.now()}check(){this.#o===null&&!this.#l&&this.#c()}checkIfAble(){this.#e&&this.
check()}stop(){this.#l=!0,this.#n(),this.#n=()=>{}}#c(){let{clock:e,timeout:t,ask:n,unsent:s}=this.#t;
this.#o=e.now(),this.#a(this.#o+t),this.#e&&n(),this.#s=s()}#d(){let e=this.#s;return this.#s=this.#t.
unsent(),this.#s<e}#a(e){let{clock:t}=this.#t;this.#n(),this.#i=e,this.#n=t.setTimer(()=>this.#u(),Math.
max(0,e-t.now()))}#u(){let{clock:e,interval:t,timeout:n,dead:s}=this.#t,r=e.now(),i=this.#o;if(i!==null&&
this.#r<i)return r-this.#i>=1e3?this.#c():this.#d()?this.#a(r+n):s(r-this.#r);this.#o=null,this.#e&&
(r-this.#r>=t?this.#c():this.#a(this.#r+t))}};var Y={capture:!0},A=class{#t;#e=!1;#r;constructor(e,t){this.#t=e,this.#r=[["pagehide",()=>!this.#e&&
(this.#e=!0,t.away())],["pageshow",()=>this.#e&&(this.#e=!1,t.back())],["offline",()=>t.offline()],[
"online",()=>t.awake()],["visibilitychange",()=>e?.document?.visibilityState!=="hidden"&&t.awake()],
["resume",()=>t.awake()]];for(let[n,s]of this.#r)e?.addEventListener(n,s,Y)}stop(){for(let[e,t]of this.#r)
this.#t?.removeEventListener(e,t,Y)}};function V(){let o=globalThis;return typeof o.addEventListener==
"function"?o:null}var Z={connecting:{opened:"open",lost:"waiting",away:"away",end:"closed"},open:{lost:"waiting",away:"\\
away",leave:"closing",end:"closed"},waiting:{due:"connecting",back:"waiting",away:"away",end:"closed"},
away:{back:"waiting",end:"closed"},closing:{end:"closed"},closed:{}};function $(o){let{location:e}=globalThis,t="",n;try{let s=new URL(o,e?.href);s.hash="",t=s.href.replace(
/^http/,"ws")}catch(s){n=s}if(/^wss?:/.test(t))return t;throw new c("url",\`url must be an address th\\
at begins with ws:, wss:, http: or https:, got \${o}\`,{cause:n})}var I=1001,B={code:1006,reason:"",wasClean:!1},be={wasClean:!0,opened:!1,unsentBytes:0,farewell:null},
P=class{state="connecting";protocol="";url="";closed;#t;#e;#r;#o;#i;#s=new T;#l=()=>{};#n=null;#c=()=>{};#d=0;constructor(e,t,n){
this.#t=typeof e=="function"?e:$(e),typeof this.#t=="string"&&(this.url=this.#t),this.#e=t,this.#r=n,
this.#o=new R(t),this.closed=new Promise(s=>this.#l=s),this.#i=new A(t.page,{away:()=>this.#s.run(()=>this.#L()),
back:()=>this.#s.run(()=>this.#M()),offline:()=>this.#n?.heart?.check(),awake:()=>this.#s.run(()=>this.#_())}),
queueMicrotask(()=>this.#s.run(()=>this.#g()))}get unsent(){return this.#n?.socket?.bufferedAmount??
0}close(e,t){this.#s.run(()=>this.#N(e,t))}#a(e,t=0){let n=this.state,s=Z[n][e];if(s===void 0)throw new Error(
\`Got \${e} while \${n}\`);this.#c(),this.#c=()=>{},this.state=s;let r={state:s,previous:n,delay:t,attempt:this.#o.
retries};this.#s.add(()=>this.#r.state(r))}#u(e,t){this.#c(),this.#c=this.#e.clock.setTimer(()=>this.#s.
run(t),e)}#g(){this.state==="connecting"&&this.#v()}#v(){let e={socket:null,opened:!1,greeted:!1,heart:null};
this.#n=e;let{connectTimeout:t}=this.#e;this.#u(t,()=>this.#O(e,"connect",t));let n=this.#t;if(typeof n!=
"function")return this.#x(e,n);Promise.resolve().then(n).then(s=>this.#s.run(()=>this.#x(e,s)),s=>this.#s.
run(()=>this.#b(e,{...B,error:s})))}#x(e,t){if(e!==this.#n)return;let{transport:n,protocols:s}=this.#e;
try{this.url=$(t),e.socket=n(this.url,s,{open:r=>this.#s.run(()=>this.#f(e,r)),message:r=>this.#s.run(
()=>this.#w(e,r)),close:r=>this.#s.run(()=>this.#b(e,r))})}catch(r){this.#b(e,{...B,error:r})}}#f(e,t){
e!==this.#n||e.opened||(e.opened=!0,this.protocol=t,this.#a("opened"),this.#s.add(()=>this.#r.open()),
e.heart=this.#A(e),this.#e.heartbeat?.message!=null&&e.heart?.begin(),this.#B(e))}#B(e){let t=r=>this.#p(
e,"hello",0,r),n;try{n=this.#e.hello()}catch(r){return t(r)}if(typeof n?.then!="function")return this.#m(
e,n);let{connectTimeout:s}=this.#e;this.#u(s,()=>this.#p(e,"late hello",s)),Promise.resolve(n).then(
r=>this.#s.run(()=>this.#m(e,r)),r=>this.#s.run(()=>t(r)))}#m(e,t){if(!(e!==this.#n||this.state!=="o\\
pen")){try{for(let n of this.#e.checked(t))e.socket.send(n)}catch(n){return this.#p(e,"hello",0,n)}e.
greeted=!0,this.#u(this.#e.stableAfter,()=>this.#o.reset()),this.#r.ready()}}#p(e,t,n,s){e===this.#n&&
this.state==="open"&&this.#y(this.#T(e,I,t,n,s))}#A(e){let{heartbeat:t,clock:n}=this.#e;if(t===null||
t.message===null&&e.socket.pings===!0)return null;let{message:s}=t;return new S({...t,clock:n,ask:()=>w(
()=>{e.socket.send(s===null?D:s())},void 0),unsent:()=>e.socket.bufferedAmount,dead:r=>this.#s.run(()=>this.#O(
e,"silence",r))})}#w(e,t){if(e===this.#n){if(e.heart?.heard(),t===D&&this.#e.offersBeat)return e.heart?.
begin();this.#s.add(()=>this.#r.message(t))}}hand(e){return this.state==="open"&&this.#n.greeted&&this.#n.
socket.send(e)}#b(e,t){e===this.#n&&this.#y(this.#I(e,t))}#O(e,t,n){this.#y(this.#T(e,I,t,n))}#y(e){
let t=this.state!=="closing"&&this.#k(e);if(this.#s.add(()=>this.#r.end(e,t!==!1)),t===!1)return this.#D(
e);e.farewell!==null&&(this.#d=this.#e.clock.now()+e.farewell.retry),this.#h("lost",t===!0?ve(e):t)}#k(e){
let{maxAttempts:t,shouldReconnect:n}=this.#e,s=ye(e.code);return this.#o.retries<t&&w(()=>n(e,s),s)}#h(e,t=0){
let{clock:n}=this.#e,s=Math.max(this.#o.next()+t,this.#d-n.now());this.#a(e,s),this.#u(s,()=>{this.#a(
"due"),this.#v()})}#L(){let e=this.#n;if(e!==null){let t=this.#T(e,I,"away");this.#s.add(()=>this.#r.
end(t,!0))}this.#a("away")}#M(){this.#o.reset(),this.#h("back")}#_(){this.state==="waiting"?this.#M():
this.#n?.heart?.checkIfAble()}#N(e,t){if(this.state==="closing"||this.state==="closed")return;let n=this.#n;
if(this.state!=="open")return n!==null&&this.#T(n,e,"unopened"),this.#D({...be,code:e,reason:t});this.#$(),
n.heart?.stop(),this.#a("leave");let{closeTimeout:s}=this.#e;this.#u(s,()=>this.#O(n,"close",s)),n.socket.
close(e,t)}#D(e){this.#$(),this.#a("end"),this.#s.add(()=>this.#r.close(e)),this.#l()}#$(){this.#i.stop(),
this.#r.stopped()}#T(e,t,n,s=0,r){let i=this.#e.dropped(n,s,r),a=this.#I(e,{...B,error:i});return w(
()=>e.socket?.close(t,i.message),void 0),a}#I(e,t){this.#n=null,e.heart?.stop();let{opened:n}=e,s=n?
e.socket.bufferedAmount:0;return{...t,opened:n,unsentBytes:s,farewell:X(t.reason)}}};function ye(o){
return o!==1e3&&o!==1008&&o!==1010&&o<3e3}function ve({error:o}){let{code:e,retryAfter:t}=o??{};return e===
"ERR_HANDSHAKE"?t??0:0}var we=0,xe=1,ee={code:1006,reason:"",wasClean:!1};function F(o,e,t){H();let n=new WebSocket(o,[...e]);
return n.binaryType="arraybuffer",ke(n,t),new U(n)}function H(){if(typeof globalThis.WebSocket!="fun\\
ction")throw new O("This runtime has no WebSocket of its own: pass the option transport, for example\\
 one made of connectWebSocket")}function ke(o,e){let t,n=!1,s=({code:r,reason:i,wasClean:a})=>{n||(n=
!0,e.close({code:r||ee.code,reason:i,wasClean:a,error:t}))};o.onopen=()=>e.open(o.protocol),o.onmessage=
({data:r})=>e.message(typeof r=="string"?r:new Uint8Array(r)),o.onerror=r=>{t=Ee(r),o.readyState===we&&
setTimeout(()=>s(ee),0)},o.onclose=s}function Ee(o){let{error:e,message:t}=o;return e instanceof Error?
e:typeof t=="string"&&t!==""?new Error(t):void 0}var U=class{#t;constructor(e){this.#t=e}get bufferedAmount(){
return this.#t.bufferedAmount}send(e){return this.#t.readyState!==xe?!1:(this.#t.send(e),!0)}close(e,t){
this.#t.close(e>=3e3?e:1e3,t)}};var ne="channels.sluice";var x={protocol:4400,unauthorized:4401,expired:4402,revoked:4403,fenced:4409,flood:4429},L=3,Oe=new TextEncoder,
Ce=new TextDecoder("utf-8",{fatal:!0});function E(o){let e=o[L];return e instanceof Uint8Array?Te(JSON.
stringify(o.map((t,n)=>n===L?null:t)),e):JSON.stringify(o)}function Te(o,e){let t=Oe.encode(o);if(t.
length>65535)throw new RangeError(\`A frame's head has \${t.length} bytes, it may have 65535\`);let n=new Uint8Array(
2+t.length+e.length);return n[0]=t.length>>8,n[1]=t.length&255,n.set(t,2),n.set(e,2+t.length),n}function j(o){
try{if(typeof o=="string")return te(JSON.parse(o));let e=2+(o[0]<<8|o[1]);if(!(e<=o.length))return null;
let t=te(JSON.parse(Ce.decode(o.subarray(2,e))));if(t===null)return null;let n=[...t];for(;n.length<
L;)n.push(null);return n[L]=o.subarray(e),n}catch{return null}}function te(o){return Array.isArray(o)&&
typeof o[0]=="string"?o:null}function g(o,e,t){for(let n in e)if(!Object.hasOwn(t,n))throw new c(n,\`\${o} has no option \${n}, it h\\
as \${Object.keys(t).join(", ")}\`)}function p(o,e){if(typeof e=="number"&&e>=1)return e;throw new c(o,
\`\${o} must be a number from 1 on, got \${e}\`)}var k=class{#t={};#e=[];#r=null;#o=!1;#i=!1;#s=null;constructor(e){for(let t of e)this.#t[t]=new Set}get queued(){
return this.#e.length}on(e,t){let n=this.#t[e];if(!n)throw new c("type",\`type must be \${Object.keys(
this.#t)}, got \${e}\`);if(typeof t!="function")throw new c("listener",\`listener must be a function, g\\
ot \${t}\`);return n.add(t),this.pump(),()=>n.delete(t)}emit(e,t){let n=[...this.#t[e]];for(let s of n)
w(()=>s(t),void 0);return n.length>0}add(e,t,n){this.#e.push({type:e,value:t,taken:n}),this.pump()}pump(){
for(let e=this.#e[0];e&&this.#l(e);e=this.#e[0]){this.#e.shift(),e.taken?.();let t=this.#r;e.type!==
"message"||!t?e.type&&this.emit(e.type,e.value):(this.#r=null,this.#o=!0,t.resolve({value:e.value,done:!1}))}
this.#e.length>0||(this.#i?this.#n():this.emptied())}emptied(){}end(e=null){this.#i||(this.#i=!0,this.#s=
e,this.pump())}clear(){this.#e=[]}next(){if(this.#r)throw new C("next() is pending: one loop takes a\\
ll messages");this.#o=!1;let e=new Promise((t,n)=>this.#r={resolve:t,reject:n});return this.pump(),e}return(){
return Promise.resolve({value:void 0,done:!0})}[Symbol.asyncIterator](){return this}#l({type:e}){return e!==
"message"?!this.#o:this.#r!==null||this.#t.message.size>0}#n(){let e=this.#r;this.#r=null,this.#s&&e?
(e.reject(this.#s),this.#s=null):e?.resolve({value:void 0,done:!0})}};function W(o,e){return g(o,e,{maxQueued:!0,maxQueuedBytes:!0}),{maxQueued:p("maxQueued",e.maxQueued??
1e3),maxQueuedBytes:p("maxQueuedBytes",e.maxQueuedBytes??1048576)}}function se(o={}){let e=()=>Promise.
resolve();return{...W("memoryOutbox()",o),load:()=>Promise.resolve([]),save:e,remove:e,close:e}}var Re=1e3,M=class extends k{name;said=!1;paused=!1;#t;#e;#r;#o=new Map;#i=!1;#s=!1;#l;#n=new Set;constructor(e,t,n,s){
super(["message","gap","presence","members","live","refused"]),g("subscribe()",t,{since:!0,member:!0,
maxQueued:!0});let{since:r,maxQueued:i=1e3}=t;this.name=e,this.#e=t,this.#r=p("maxQueued",i),this.#t=
s,r!==void 0&&r!=="oldest"&&(n={[e]:r});for(let[a,u]of Object.entries(n??{}))this.#d(a,u);this.#i=n!==
void 0}get position(){return this.#l?.taken}get positions(){return this.#i?this.#a(({taken:e})=>e):void 0}get members(){
return[...this.#o.values()].flatMap(({members:e})=>[...e.values()])}get isLive(){return this.#s&&[...this.#o.
values()].every(({live:e})=>e)}covers(e){return e===this.name||this.name.endsWith("*")&&e.startsWith(
this.name.slice(0,-1))}request(){let{since:e,member:t}=this.#e,n=this.#i||this.#n.size>0||e==="oldes\\
t"?"oldest":void 0,s=this.#i?this.#a(({offset:r,grant:i})=>\`\${r}.\${i}\`):null;return[this.name,s,{since:n,
member:t}]}silence(){this.said=this.#s=!1;for(let e of this.#o.values())e.open=e.live=!1;this.#t.moved()}forget(){
this.#n=new Set(this.#o.keys()),this.#o.clear(),this.#i=!1}close(){this.clear(),this.end(),this.#t.leave(
this,!0)}return(){return this.close(),super.return()}emptied(){this.paused&&(this.paused=!1,this.#t.
want())}subbed(e,t,n,s){if(!this.said||!this.#f())return;let r=this.#o.get(e)??this.#c(e,-1,"");r.open=
this.#s=this.#i=!0,this.#n.delete(e)&&(s??="epoch"),(s!==null||t!==r.grant||n>r.offset)&&this.#v(e,r,
t,n,s),this.#t.moved()}watch(){this.said&&(this.#s=this.#i=!0),this.#t.moved()}gap(e,t,n,s){let r=this.#u(
e);r&&this.#v(e,r,t,n,s)}live(e){let t=this.#u(e);t&&(t.live=!0,this.add("live",{channel:e}),this.#t.
moved())}m(e,t,n,s={}){this.#g("message",e,t,{data:n,headers:s})}p(e,t,n){this.#g("presence",e,t,n,({
members:s,changes:r,membersAt:i})=>{t<=i||(r.splice(0,r.push([t,n])-Re),re(s,n))})}memberList(e,t,n){
let s=this.#u(e);s&&this.add("members",{channel:e},()=>{s.members=new Map(n.map(r=>[r.member,r])),s.
membersAt=t;for(let[r,i]of s.changes)r>t&&re(s.members,i)})}reach(e,t){this.#g(null,e,t)}refused(e,t){
let n=new f(e,t);return this.emit("refused",n),n}#c(e,t,n,s){let i={offset:t,grant:n,open:!1,live:!1,
taken:s,...{members:new Map,membersAt:0,changes:[]}};return this.#o.set(e,i),i}#d(e,t){let[,n,s]=/^(\\d+)\\.(.+)$/.
exec(t)??[];if(!s||e.endsWith("*")||!this.covers(e))throw new c("since",\`since must be "oldest" or a\\
 position of \${this.name}, got \${t}\`);this.#l=this.#c(e,Number(n),s,t)}#a(e){let t=[...this.#o].map(
([n,s])=>[n,e(s)]);return Object.fromEntries(t.filter(([,n])=>n))}#u(e){let t=this.#o.get(e);return t?.
open&&this.#f()?t:void 0}#g(e,t,n,s,r){let i=this.#o.get(t);if(!i?.open||!(n>i.offset)||!this.#f())return;
i.offset=n;let a=\`\${n}.\${i.grant}\`;this.add(e,{...s,channel:t,offset:n,position:a},()=>{this.#x(i,a),
r?.(i)})}#v(e,t,n,s,r){let i=t.grant!==n;t.grant=n,t.offset=s;let a=\`\${s}.\${n}\`;this.add(r&&"gap",{channel:e,
reason:r,position:a},()=>{i&&(t.membersAt=t.changes.length=0),this.#x(t,a)})}#x(e,t){e.taken=t,this.#l=
e}#f(){return this.queued<this.#r?!0:(this.paused=!0,this.#t.leave(this,!1),this.silence(),!1)}};function re(o,{
type:e,instance:t,member:n,user:s,data:r}){if(e==="join")o.set(n,{member:n,user:s,instance:t,data:r});else if(e===
"leave")o.get(n)?.instance===t&&o.delete(n);else for(let[i,a]of o)a.instance===t&&o.delete(i)}var Ae=100,Pe=50,Le=1e3,Me=1e4,_e=1e3,Ne=1009,De=["m","p","live","gap"],oe=["unavailable","draining"],
$e={token:!0,outbox:!0,position:!0,maxMessageBytes:!0,transport:!0,minDelay:!0,maxDelay:!0,page:!0,clock:!0,
random:!0},_=class{#t;#e;#r;#o;#i;#s;#l=new k(["message","state","error"]);#n=new Map;#c=new Set;#d=new Map;#a=new Map;#u=new Map;#g;#v=0;#x=0;#f=1;#B=1;#m=null;#p=0;#A="\\
connecting";#w=0;#b=!1;#O=!1;#y=null;#k=null;#h=null;#L=!1;constructor(e,t={}){g("ChannelClient()",t,
$e);let{token:n=null,outbox:s=se(),transport:r=F,clock:i=z}=t;if(n!==null&&typeof n!="string"&&typeof n!=
"function")throw new c("token",\`token must be a string or a function, got \${typeof n}\`);r===F&&H(),this.#r=
n,this.#o=s,this.#e=i,this.#i=p("maxMessageBytes",t.maxMessageBytes??65536),this.#s=new Map(Object.entries(
t.position??{})),this.#t=new P(e,{protocols:[ne,J,G],minDelay:p("minDelay",t.minDelay??500),maxDelay:p(
"maxDelay",t.maxDelay??3e4),maxAttempts:1/0,connectTimeout:1e4,stableAfter:5e3,closeTimeout:5e3,heartbeat:{
message:null,interval:3e4,timeout:1e4},offersBeat:!0,transport:r,page:t.page===void 0?V():t.page,clock:i,
random:t.random??Math.random,checked:a=>a,dropped:a=>new Error(a),hello:()=>this.#M(),shouldReconnect:(a,u)=>this.#I(
a,u)},{open:y,ready:y,stopped:y,state:()=>this.#R(),message:a=>this.#D(a),end:()=>this.#T(),close:a=>this.#X(
a)}),this.#g=s.load().then(a=>this.#ee(a)),this.#g.catch(a=>this.#U(a))}get state(){return this.#A}get position(){
let e=[...this.#n].map(([t,{positions:n}])=>[t,n]);return Object.fromEntries([...this.#s,...e].filter(
([,t])=>t))}get unacknowledged(){return this.#v}get messages(){return this.#l}get closed(){return this.#t.
closed}on(e,t){return this.#l.on(e,t)}subscribe(e,t={}){if(typeof e!="string"||e==="")throw new c("n\\
ame",\`name must be a channel, or a pattern such as room:*, got \${e}\`);for(let s of this.#n.values())
if(s.covers(e)||e.endsWith("*")&&s.name.startsWith(e.slice(0,-1)))throw new c("name",\`name must not \\
be part of \${s.name}, or have it: close that first, got \${e}\`);let n=new M(e,t,this.#s.get(e),{want:()=>this.#S(),
leave:(s,r)=>this.#Q(s,r),moved:()=>this.#R()});return this.#s.delete(e),this.#h?n.end(this.#h):this.#n.
set(e,n),this.#S(),n}publish(e,t,n={}){if(typeof e!="string"||e===""||e.endsWith("*"))throw new c("c\\
hannel",\`channel must be a channel, got \${e}\`);return this.#z("pub",e,t,n)}send(e,t={}){return this.#z(
"msg",null,e,t)}call(e,t,n={}){let{timeout:s=3e4,signal:r,headers:i,idempotent:a=!1}=n;g("call()",n,
{headers:!0,timeout:!0,signal:!0,idempotent:!0}),p("timeout",s);let u=this.#K(t,i),l=this.#B++,h=this.#e.
now()+s;return ie((m,d)=>{if(this.#h)return d(this.#h);if(r?.aborted)return d(r.reason);let v=he=>{let K=this.#P(
l);K?.said&&this.#E(["cancel",l]),K?.reject(he)},N=()=>v(new f("timeout",\`No answer within \${s} ms\`)),
Q=()=>v(r.reason),le=s<1/0?this.#e.setTimer(N,s):null;r?.addEventListener("abort",Q);let ue=()=>{le?.(),
r?.removeEventListener("abort",Q)},ce=()=>s<1/0?Math.max(1,Math.ceil(h-this.#e.now())):0,de=()=>["ca\\
ll",l,[e,ce()],...u];this.#a.set(l,{frame:de,resolve:m,reject:d,ready:!0,said:!1,idempotent:a,done:ue}),
this.#C()})}close(){return this.#L=!0,this.#t.close(1e3,""),this.#t.closed}async#M(){let e=this.#w;await this.#g;
let t=await this.#_();return[E(["hello",1,t,this.#m,e===this.#w?this.#H():[]])]}#_(){return typeof this.#r==
"function"?this.#r():this.#r}#N={welcome:e=>this.#$(e),subbed:(e,...t)=>this.#n.get(e)?.subbed(...t),
watch:e=>this.#n.get(e)?.watch(),unsubbed:e=>{for(let t of e)this.#c.delete(t);this.#S()},refused:(e,t,n,s)=>{
let r=this.#n.get(e);if(r?.said){if(s!==void 0)return r.refused(t,n);if(t==="bad-position"||oe.includes(
t))return r.silence(),t!=="bad-position"?this.#q():(r.forget(),this.#S());this.#Q(r,!0),r.end(r.refused(
t,n))}},members:(...e)=>this.#F(e[0])?.memberList(...e),bye:e=>{for(let[t,n]of Object.entries(e))this.#F(
t)?.reach(t,n)},d:(e,t,n,s)=>this.#V(e,t,n,s),ok:(e,t,n)=>{let s=this.#W(e);s?.resolve(s.isPublished?
{offset:t,duplicate:n}:void 0)},no:(e,t,n)=>{let s=new f(t,n);if(!oe.includes(t))return this.#W(e)?.
reject(s);let r=this.#d.get(e+this.#p);r&&(r.said=!1),this.#q()},answer:(e,t,n)=>this.#P(e)?.resolve(
n),failed:(e,t,n)=>{let s=new f(t,n);this.#P(e)?.reject(s)},token:()=>{this.#Z()},error:(e,t)=>this.#k=
new f(e,t)};#D(e){try{let[t,...n]=j(e);De.includes(t)?this.#F(n[0])?.[t](...n):Object.hasOwn(this.#N,
t)&&this.#N[t](...n)}catch(t){this.#U(new f("bad-frame","The server sent what is no frame",{cause:t}),
x.protocol)}}#$(e){let t=this.#w,[n=this.#f]=this.#d.keys();e!==this.#m&&(this.#p=n-1),this.#m=e,this.#b=
!0,this.#k=null,this.#c.size>0&&this.#E(["unsub",[...this.#c]]),this.#S(),this.#C(),this.#J().then(()=>{
this.#O=t===this.#w,this.#C()},s=>this.#U(s))}#T(){this.#w++,this.#b=this.#O=!1,this.#y?.(),this.#y=
null,this.#c.clear();for(let t of this.#n.values())t.silence();for(let t of this.#d.values())t.said=
!1;let e=new f("unavailable","The connection was lost before the answer: it may have been done");for(let[
t,n]of this.#a)n.said&&!n.idempotent?this.#P(t).reject(e):n.said=!1;this.#R()}#I({code:e},t){return e===
x.expired||e===x.unauthorized?typeof this.#r=="function":this.#m&&this.#k?.reason==="bad-session"?(this.#m=
null,!0):e===x.flood?Me:t&&e!==Ne}#U(e,t=1e3){this.#k=e,this.#t.close(t,"")}#X({code:e,reason:t}){let[
n="unavailable"]=Object.entries(x).find(([,i])=>i===e)??[],s=this.#L||e===1e3&&!this.#k?null:this.#k??
new f(n==="protocol"?"bad-frame":n,t||\`The server closed with \${e}\`),r=this.#h=s??new f("canceled","\\
The client is closed");for(let i of this.#n.values())i.end(s);for(let{reject:i}of this.#d.values())i(
r);for(let i of this.#a.keys())this.#P(i).reject(r);this.#o.close(),this.#R(),s&&this.#l.emit("error",
s),this.#l.end(s)}#R(){let e=this.#Y();e!==this.#A&&(this.#A=e,this.#l.emit("state",e))}#Y(){if(this.#h)
return"closed";let{state:e}=this.#t;return this.#b?[...this.#n.values()].every(({isLive:t})=>t)?"liv\\
e":"catching-up":e==="waiting"||e==="away"?"offline":"connecting"}#E(e){this.#b&&this.#t.hand(E(e))}#q(){
this.#y??=this.#e.setTimer(()=>{this.#y=null,this.#S(),this.#C()},Le)}#F(e){return this.#n.get(e)??[
...this.#n.values()].find(t=>t.covers(e))}#H(){return[...this.#n.values()].filter(t=>!t.said&&!t.paused&&
!this.#c.has(t.name)).slice(0,Pe).map(t=>(t.said=!0,t.request()))}#S(){if(!(!this.#b||this.#y)){for(let e=this.#H();e.
length>0;e=this.#H())this.#E(["sub",e]);this.#R()}}#Q(e,t){let{name:n}=e;this.#n.get(n)===e&&(t&&this.#n.
delete(n),e.said&&(this.#c.add(n),this.#E(["unsub",[n]])),this.#R())}#V(e,t,n,s={}){let r=this.#u.get(
e);if(r===!0&&this.#E(["ack",[e]]),r)return;let i=(...h)=>{if(this.#u.get(e)===l){this.#u.delete(e),
h[0]==="ack"&&this.#u.set(e,!0),this.#E(h);for(let[m,d]of this.#u)d===!0&&this.#u.size>_e&&this.#u.delete(
m)}},l={id:e,attempt:t,data:n,headers:s,ack:()=>i("ack",[e]),nack:(h=0)=>i("nack",e,h)};this.#u.set(
e,l),this.#l.add("message",l)}async#Z(){let e=this.#w;if(typeof this.#r=="function")try{let t=await this.#_();
e===this.#w&&this.#E(["token",t])}catch{}}#K(e,t){let n=ArrayBuffer.isView(e)?new Uint8Array(e.buffer,
e.byteOffset,e.byteLength):e instanceof ArrayBuffer?new Uint8Array(e):JSON.stringify(e??null);if(n===
void 0)throw new c("data",\`data must be what JSON can say, or bytes, got \${typeof e}\`);let s=typeof n==
"string",r=s?new TextEncoder().encode(n).length:n.length;if(r>this.#i)throw new c("data",\`data must \\
not be above maxMessageBytes (\${this.#i}), got \${r} bytes\`);let i=s?JSON.parse(n):n;return t?[i,t]:[
i]}#z(e,t,n,s){g(e==="pub"?"publish()":"send()",s,{headers:!0});let r=this.#K(n,s.headers),i=E([e,0,
t,...r]),a=i.length;return ie((u,l)=>{if(this.#h)return l(this.#h);let{maxQueued:h,maxQueuedBytes:m}=this.#o;
if(this.#v>=h||this.#x+a>m){let d=\`The outbox is full: raise maxQueued (\${h}) or maxQueuedBytes (\${m}\\
)\`;return l(new f("too-many",d))}this.#j(1,a),this.#g.then(()=>{if(this.#h)return l(this.#h);let d=this.#f++,
v=this.#G(d,[e,0,t,...r],a,u,l);return this.#o.save(d,i).then(()=>{v.ready=!0,this.#C()},N=>this.#W(
d-this.#p)?.reject(N))},l)})}#G(e,t,n,s,r){let[i,,...a]=t,l={frame:()=>[i,e-this.#p,...a],size:n,isPublished:i===
"pub",ready:!1,said:!1,resolve:s,reject:r};return this.#d.set(e,l),l}#j(e,t){this.#v+=e,this.#x+=t}#ee(e){
let t=n=>this.#h??this.#l.emit("error",n);for(let[n,s]of[...e].sort(([r],[i])=>r-i)){let r=j(s)??[];
if(n===0){[,this.#m,this.#p,this.#f]=r;continue}this.#j(1,s.length),this.#G(n,r,s.length,y,t).ready=
!0,this.#f=Math.max(this.#f,n+1)}this.#d.size===0&&(this.#m=null)}#J(){return this.#o.save(0,E(["ses\\
sion",this.#m,this.#p,this.#f]))}#C(){if(!(!this.#b||this.#y))for(let e of[this.#a,this.#O?this.#d:new Map]){
let t=Ae;for(let n of e.values()){if(!n.ready||t--===0)break;n.said||(n.said=!0,this.#E(n.frame()))}}}#W(e){
let t=e+this.#p,n=this.#d.get(t);if(n)return this.#d.delete(t),this.#j(-1,-n.size),t===this.#f-1&&this.#d.
size>0&&this.#J().catch(y),this.#o.remove(t).catch(y),this.#C(),n}#P(e){let t=this.#a.get(e);return this.#a.
delete(e),t?.done(),this.#C(),t}};function y(){}function ie(o){let e=new Promise(o);return e.catch(y),
e}var q="outbox";function ae(o,e={}){let t=\`\${Date.now()} \${Math.random()}\`,n,s,r=async(a,u)=>{let l=(await(n??=
Ie(o))).transaction(q,a),h=u(l.objectStore(q));return await new Promise((m,d)=>{l.oncomplete=()=>m(h.
result),l.onabort=()=>d(l.error)})},i=a=>new Promise((u,l)=>{let{locks:h}=navigator;if(!h)return u(!0);
let m=d=>(u(d!==null),d?new Promise(v=>s=v):void 0);h.request(\`\${o} \${a}\`,{ifAvailable:!0},m).catch(
l)});return{...W("indexedDbOutbox()",e),async load(){let a=await r("readonly",u=>u.getAll());for(let u of new Set(
[...a.map(([l])=>l),t]))if(await i(u)){t=u;break}return a.filter(([u])=>u===t).map(([,u,l])=>[u,l])},
async save(a,u){await r("readwrite",l=>l.put([t,a,u],[t,a]))},async remove(a){await r("readwrite",u=>u.
delete([t,a]))},async close(){s?.(),(await n)?.close()}}}function Ie(o){let{indexedDB:e}=globalThis,
t=e.open(o);return t.onupgradeneeded=()=>t.result.createObjectStore(q),new Promise((n,s)=>{t.onsuccess=
()=>n(t.result),t.onerror=()=>s(t.error)})}export{_ as ChannelClient,ae as indexedDbOutbox};
`;
