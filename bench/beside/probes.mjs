// Runs the probes of undici, and prints "row<tab>cell<tab>reason" for each. Arguments: the
// folder that has node_modules/undici; the servers, as JSON.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import dns from 'node:dns'

const require = createRequire(process.argv[1] + '/')
const undici = require('undici')
const { HTTP, HTTPS, CA, Proxy, SOCKS, Dead } = JSON.parse(process.argv[2])
const { fetch, request, Agent, interceptors } = undici
let count = 0
const name = () => `undici${process.pid}-${++count}`
const text = async (url, options) => (await fetch(url, options)).text()
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// row prints cell if probe gives true, else no. A probe may give the cell itself.
async function row (title, cell, probe) {
  let reason = ''
  try {
    const result = await probe()
    if (typeof result === 'string') cell = result
    else if (!result) cell = 'no'
  } catch (e) {
    cell = 'no'
    reason = `${e.name}: ${e.message} ${e.cause?.message ?? ''}`
  }
  console.log([title, cell, reason.replaceAll('\n', ' ').slice(0, 150)].join('\t'))
}

// several gives the names of the probes that give true.
async function several (probes) {
  const found = []
  for (const [label, probe] of Object.entries(probes)) {
    try {
      if (await probe()) found.push(label)
    } catch {}
  }
  return found.join(', ') || 'no'
}

// within tells whether f fails within two seconds.
async function within (f) {
  const late = pause(2000).then(() => false)
  return Promise.race([late, f().then(() => false, () => true)])
}

const ca = readFileSync(CA)
console.log(['version', require('undici/package.json').version, ''].join('\t'))
await row('keep', 'yes', async () => {
  const first = await text(HTTP + '/remote')
  await pause(20) // the connection becomes free after the body has ended
  return first === await text(HTTP + '/remote')
})
await row('idna', 'yes', async () => {
  const lookup = (host, options, done) => dns.lookup(host.endsWith('.test') ? '127.0.0.1' : host, options, done)
  const port = new URL(HTTP).port
  const body = await text(`http://bücher.test:${port}/host`, { dispatcher: new Agent({ connect: { lookup } }) })
  return body.startsWith('xn--bcher-kva.test')
})
await row('baseurl', 'Client', async () => (await new undici.Client(HTTP).request({ path: '/get', method: 'GET' })).statusCode === 200)
await row('pathparams', 'no', async () => await text(HTTP + '/path/{id}', { params: { id: 'a/b' } }) === '/path/a%2Fb')
await row('agent', 'yes', async () => (await text(HTTP + '/agent')).includes('undici'))
await row('cookies', 'no', async () => {
  const dispatcher = new Agent()
  await text(HTTP + '/cookies/set?a=b', { dispatcher, credentials: 'include' })
  return (await text(HTTP + '/cookies', { dispatcher, credentials: 'include' })).includes('"b"')
})
await row('basic', 'by hand', async () => (await fetch(HTTP + '/basic-auth/user/passwd', {
  headers: { authorization: 'Basic ' + btoa('user:passwd') }
})).ok)
await row('digest', 'no', async () => (await fetch(HTTP + '/digest-auth/auth/user/passwd', { auth: 'user:passwd' })).ok)
await row('netrc', 'no', async () => (await fetch(HTTP + '/basic-auth/user/passwd')).ok)
await row('token', 'no', async () => (await fetch(HTTP + '/token', { auth: () => 'new' })).ok)
// For http, fetch asks for gzip and deflate only, as browsers do.
const secure = new Agent({ connect: { ca } })
await row('decodes', '', () => several(Object.fromEntries(['gzip', 'deflate', 'br', 'zstd'].map((c) =>
  [c, async () => await text(HTTPS + '/coded?coding=' + c, { dispatcher: secure }) === 'decoded']))))
await row('charset', 'yes', async () => await text(HTTP + '/latin1') === 'café')
await row('multipart', '', async () => {
  const id = name()
  const received = async () => Number(await text(HTTP + '/received?id=' + id))
  // A Blob whose second piece comes when the server has received the first.
  let streamed = false
  class Slow extends File {
    stream () {
      let piece = 0
      return new ReadableStream({
        async pull (controller) {
          if (piece === 1) {
            for (let i = 0; i < 30 && !streamed; i++) {
              streamed = await received() > 30000
              await pause(50)
            }
          }
          if (piece === 2) return controller.close()
          controller.enqueue(new Uint8Array(70000))
          piece++
        }
      })
    }
  }
  const form = new undici.FormData()
  form.set('f', new Slow([new Uint8Array(140000)], 'slow.bin'))
  await fetch(HTTP + '/upload?id=' + id, { method: 'POST', body: form })
  if (streamed) return 'streamed'
  // undici may copy a File before it reads it: a large body then still goes in pieces.
  const plain = new undici.FormData()
  plain.set('f', new File([new Uint8Array(8 << 20)], 'big.bin'))
  return await within(() => fetch(HTTP + '/upload?id=' + name(), { method: 'POST', body: plain })) ? 'no' : 'from memory'
})
await row('timeouts', '', () => several({
  connect: () => within(() => fetch('http://' + Dead, { dispatcher: new Agent({ connect: { timeout: 300 } }) })),
  response: () => within(() => fetch(HTTP + '/silent', { dispatcher: new Agent({ headersTimeout: 300 }) })),
  'between reads': () => within(() => text(HTTP + '/stall', { dispatcher: new Agent({ bodyTimeout: 300 }) })),
  total: () => within(() => text(HTTP + '/trickle', { signal: AbortSignal.timeout(300) }))
}))
await row('history', 'yes', async () => {
  const dispatcher = new Agent().compose(interceptors.redirect({ maxRedirections: 3 }))
  return (await request(HTTP + '/redirect/2', { dispatcher })).context.history.length === 3
})
await row('status', 'by an interceptor', () => within(async () => {
  const dispatcher = new Agent().compose(interceptors.responseError())
  await request(HTTP + '/status/404', { dispatcher })
}))
await row('links', 'no', async () => (await fetch(HTTP + '/get')).links)
await row('proxy', 'yes', async () => (await fetch('https://example.com/get', {
  dispatcher: new undici.ProxyAgent({ uri: Proxy, requestTls: { ca } })
})).ok)
await row('env', 'yes', async () => {
  process.env.HTTP_PROXY = Proxy
  try {
    return (await fetch('http://example.com/get', { dispatcher: new undici.EnvHttpProxyAgent() })).ok
  } finally {
    delete process.env.HTTP_PROXY
  }
})
await row('socks', 'yes', async () => (await fetch('http://example.com/get', {
  dispatcher: new undici.Socks5ProxyAgent('socks5://' + SOCKS)
})).ok)
await row('retries', 'yes', async () => {
  const dispatcher = new undici.RetryAgent(new Agent(), { maxRetries: 3 })
  return (await request(HTTP + '/flaky?id=' + name(), { dispatcher })).statusCode === 200
})
await row('times', 'diagnostics', async () => {
  const { channel } = await import('node:diagnostics_channel')
  let seen = 0
  channel('undici:request:headers').subscribe(() => seen++)
  await text(HTTP + '/get')
  return seen > 0
})
await row('curl', 'no', async () => (await fetch(HTTP + '/get')).curl())
await row('limits', 'connections', () => new Agent({ connections: 1 }) !== null)
await row('http2', 'yes', async () => await text(HTTPS + '/proto', { dispatcher: new Agent({ allowH2: true, connect: { ca } }) }) === 'HTTP/2.0')
process.exit(0)
