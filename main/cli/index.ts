console.log('cli', __VERSION__)
export {}
declare const __VERSION__: string
