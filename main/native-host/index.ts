#!/usr/bin/env node
/**
 * The native-messaging host: what a browser starts for an extension, between its pipe and the broker's socket. The rule: on
 * standard output nothing but frames; without an allowed caller nothing at all; and it ends when the browser lets go.
 */
import { readlinkSync } from 'node:fs'
import { BrokerError } from '../contract/errors.ts'
import { homePaths } from '../contract/home.ts'
import { callerOf, isAllowed } from './caller.ts'
import { FrameReader, frameOf } from './frames.ts'
import { relay, type Send } from './relay.ts'

const { argv, env, platform, ppid, stderr, stdin, stdout } = process

const send: Send = (answer) => {
  const frame = frameOf(answer)
  if (frame) stdout.write(frame)
  else {
    const tooLong = new BrokerError('server_error', 'The answer is longer than a browser takes from a native host.')
    stdout.write(frameOf({ id: answer['id'], error: tooLong.toBody() }) ?? '')
  }
}

function serve(caller: string): void {
  const reader = new FrameReader()
  stdin.on('data', (bytes: Buffer) => {
    for (const incoming of reader.feed(bytes))
      if (incoming.kind === 'message') void relay(incoming.value, env, send, caller)
      else {
        send({ error: new BrokerError('invalid_request', `Nothing more can be read: ${incoming.why}.`).toBody() })
        stdout.end(() => process.exit(1))
      }
  })
  // The browser has closed the port or is gone; whoever still waits, waits for nobody.
  stdin.on('end', () => process.exit(0))
  stdin.on('error', () => process.exit(1))
  stdout.on('error', () => process.exit(1))
}

/** The extension that started us, if it may. */
function welcome(): string | undefined {
  try {
    const extension = callerOf(argv.slice(2))
    return extension !== undefined && isAllowed(extension, homePaths(env, platform).nativeHost) ? extension : undefined
  } catch (thrown) {
    // A browser keeps what a host says here in its own log.
    stderr.write(`${thrown instanceof Error ? thrown.message : 'the list of extensions cannot be read'}\n`)
    return undefined
  }
}

/** What the person is told of who asks through us; a browser is whatever started us. */
function describe(extension: string): string {
  const words = `browser extension ${extension}`
  try {
    const browser = readlinkSync(`/proc/${String(ppid)}/exe`)
    return /^[\x21-\x7e]{1,100}$/u.test(browser) ? `${words} in ${browser}` : words
  } catch {
    return words
  }
}

const extension = welcome()
if (extension === undefined) process.exit(1)
serve(describe(extension))
