/**
 * A day of requests at a glance. The rule: drawn from rows that are loaded, with its sums as its name, the same numbers as
 * a table below it, and no meaning in colour alone: what was allowed is filled, what was not is an outline.
 */
import type { ReactElement } from 'react'
import { busiest, type Hour, total } from '../hours.ts'
import { text } from '../text.ts'
import { Button } from './action.tsx'
import { Clock, hourWords } from './time.tsx'
import { Sentence } from './words.tsx'

/** Units of the drawing: one hour's width and the space between two bars. */
const WIDTH = 10
const GAP = 2
const HEIGHT = 100

interface Props {
  readonly hours: readonly Hour[]
  readonly now: number
  /** Seconds since the epoch from which on every row is loaded; absent when that is before the first hour. */
  readonly since: number | undefined
  /** Loads what is older. */
  readonly onOlder: () => void
}

export function HourChart({ hours, now, since, onOlder }: Props): ReactElement {
  const most = busiest(hours)
  const allowed = hours.reduce((sum, hour) => sum + hour.allowed, 0)
  const refused = hours.reduce((sum, hour) => sum + hour.refused, 0)
  const sums = text.activity.chartSums(allowed, refused)
  return (
    <section className="chart card" aria-labelledby="chart-title">
      <div className="chart-head">
        <h2 id="chart-title">{text.activity.chart}</h2>
        <ul className="legend">
          <li>
            <span className="legend-mark allowed" aria-hidden="true" /> {text.activity.allowed}{' '}
            <strong>{allowed.toLocaleString('en')}</strong>
          </li>
          <li>
            <span className="legend-mark refused" aria-hidden="true" /> {text.activity.refused}{' '}
            <strong>{refused.toLocaleString('en')}</strong>
          </li>
        </ul>
      </div>
      <svg
        className="bars"
        viewBox={`0 0 ${String(hours.length * WIDTH)} ${String(HEIGHT)}`}
        preserveAspectRatio="none"
        // oxlint-disable-next-line jsx-a11y/prefer-tag-over-role -- a drawing made here is no file that <img> could show
        role="img"
        aria-label={
          most
            ? `${text.activity.chart}: ${sums}; ${text.activity.chartMost(total(most), hourWords(most.start))}`
            : text.activity.chartNone
        }
      >
        {hours.map((hour, index) => (
          <Bar key={hour.start} hour={hour} x={index * WIDTH} most={most ? total(most) : 1} />
        ))}
      </svg>
      <div className="axis" aria-hidden="true">
        {[24, 18, 12, 6, 0].map((ago) => (
          <span key={ago}>{text.activity.hoursAgo(ago)}</span>
        ))}
      </div>
      {since !== undefined && (
        <p className="hint">
          <Sentence of={text.activity.chartSince} values={{ time: <Clock at={since} now={now} /> }} />{' '}
          <Button tone="quiet" onPress={onOlder}>
            {text.activity.chartOlder}
          </Button>
        </p>
      )}
      {most ? (
        <details className="chart-table">
          <summary>{text.activity.chartTable}</summary>
          <HourTable hours={hours} />
        </details>
      ) : (
        <p className="hint">{text.activity.chartNone}</p>
      )}
    </section>
  )
}

function Bar({ hour, x, most }: { readonly hour: Hour; readonly x: number; readonly most: number }): ReactElement {
  const scale = HEIGHT / most
  const allowed = hour.allowed * scale
  const refused = hour.refused * scale
  const place = { x: x + GAP / 2, width: WIDTH - GAP }
  return (
    <g>
      <title>{`${hourWords(hour.start)}: ${text.activity.chartSums(hour.allowed, hour.refused)}`}</title>
      <rect className="bar-room" x={x} y={0} width={WIDTH} height={HEIGHT} />
      <rect className="bar-none" {...place} y={HEIGHT - 1} height={1} />
      {hour.allowed > 0 && <rect className="bar-allowed" {...place} y={HEIGHT - allowed} height={allowed} />}
      {hour.refused > 0 && <rect className="bar-refused" {...place} y={HEIGHT - allowed - refused} height={refused} />}
    </g>
  )
}

function HourTable({ hours }: { readonly hours: readonly Hour[] }): ReactElement {
  return (
    <table className="numbers">
      <thead>
        <tr>
          <th scope="col">{text.activity.hour}</th>
          <th scope="col">{text.activity.allowed}</th>
          <th scope="col">{text.activity.refused}</th>
        </tr>
      </thead>
      <tbody>
        {hours
          .filter((hour) => total(hour) > 0)
          .toReversed()
          .map((hour) => (
            <tr key={hour.start}>
              <th scope="row">{hourWords(hour.start)}</th>
              <td>{hour.allowed}</td>
              <td>{hour.refused}</td>
            </tr>
          ))}
      </tbody>
    </table>
  )
}
