/**
 * The tray icon, drawn rather than shipped: a key, with a dot when something waits for the person, faded when nothing is
 * given. The rule: it can be told apart without its colour, and reads on dark and light bars alike.
 */
import { crc32, deflateSync } from 'node:zlib'
import type { TrayStatus } from './tray-menu.ts'

type Colour = readonly [red: number, green: number, blue: number]

const key: Colour = [0x5b, 0x8d, 0xef]
const dot: Colour = [0xe8, 0x70, 0x2a]
const grey: Colour = [0x8a, 0x8f, 0x98]
/** Points per pixel and direction, for smooth edges. */
const SAMPLES = 4

/** The icon as a PNG (ISO/IEC 15948) of `size` x `size` pixels. */
export function trayIcon(status: TrayStatus, size: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(size, 0)
  header.writeUInt32BE(size, 4)
  // Eight bits a sample, colour with alpha.
  header.set([8, 6], 8)
  const chunks = [
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(pixels(status, size))),
    chunk('IEND', Buffer.alloc(0)),
  ]
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...chunks])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const frame = Buffer.alloc(body.length + 8)
  frame.writeUInt32BE(data.length, 0)
  frame.set(body, 4)
  frame.writeUInt32BE(crc32(body), body.length + 4)
  return frame
}

/** Rows of red, green, blue, alpha, each after a byte that says that nothing was filtered. */
function pixels(status: TrayStatus, size: number): Buffer {
  const rows = Buffer.alloc(size * (1 + size * 4))
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const ink = coverage(status, x, y, size)
      const colour = ink.dot > 0 ? dot : status === 'paused' ? grey : key
      rows.set([...colour, Math.round(255 * Math.max(ink.dot, ink.key))], y * (1 + size * 4) + 1 + x * 4)
    }
  return rows
}

/** How much of a pixel, from 0 to 1, lies in the key and in the dot. */
function coverage(
  status: TrayStatus,
  x: number,
  y: number,
  size: number,
): { readonly key: number; readonly dot: number } {
  let [inKey, inDot] = [0, 0]
  for (let i = 0; i < SAMPLES * SAMPLES; i++) {
    const u = (x + ((i % SAMPLES) + 0.5) / SAMPLES) / size
    const v = (y + (Math.floor(i / SAMPLES) + 0.5) / SAMPLES) / size
    if (status === 'attention' && within(u, v, 0.8, 0.22, 0.2)) inDot++
    else if (isKey(u, v) && !(status === 'paused' && isGap(u))) inKey++
  }
  const all = SAMPLES * SAMPLES
  return { key: inKey / all, dot: inDot / all }
}

const within = (u: number, v: number, x: number, y: number, r: number): boolean => (u - x) ** 2 + (v - y) ** 2 <= r ** 2

const inBox = (u: number, v: number, left: number, top: number, right: number, bottom: number): boolean =>
  u >= left && u <= right && v >= top && v <= bottom

/** The bow with its hole, the blade, two teeth; in a square of side 1. */
function isKey(u: number, v: number): boolean {
  const bow = within(u, v, 0.3, 0.5, 0.26) && !within(u, v, 0.3, 0.5, 0.12)
  return (
    bow || inBox(u, v, 0.54, 0.43, 0.98, 0.57) || inBox(u, v, 0.7, 0.5, 0.78, 0.74) || inBox(u, v, 0.88, 0.5, 0.96, 0.7)
  )
}

/** Paused: the blade is cut through. */
const isGap = (u: number): boolean => u > 0.56 && u < 0.66
