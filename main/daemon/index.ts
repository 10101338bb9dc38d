declare const __VERSION__: string
console.log('daemon', __VERSION__)
void import('openid-client').then((oc) => console.log(Object.keys(oc).length))
