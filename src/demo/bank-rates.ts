/** A currency and its sample rate. */
export type BankRate = {
  /** ISO 4217. */
  readonly currency: BankCurrency
  /** Yen for one unit. Unit: yen, two decimals. */
  readonly yen: string
}

/** What the sample bank quotes, in the order of its table. */
export const bankCurrencies = ['USD', 'EUR', 'AUD', 'CNY'] as const

/** A currency of the table. */
export type BankCurrency = (typeof bankCurrencies)[number]

const middleYen: { readonly [currency in BankCurrency]: number } = { USD: 152.4, EUR: 164.85, AUD: 99.2, CNY: 21.35 }
/** Three waves of different length move each rate; none is a multiple of another. Unit: seconds. */
const wavesSeconds = [7, 61, 907]
const swing = 0.0006

/** Sample rates at this moment: the same for everybody who asks then, always near the middle, made up. */
export function ratesAt(timeMs: number): BankRate[] {
  return bankCurrencies.map((currency, index) => {
    const waves = wavesSeconds.map((seconds) => Math.sin((2 * Math.PI * timeMs) / 1_000 / seconds + index))
    const factor = 1 + swing * waves.reduce((sum, wave) => sum + wave, 0)
    return { currency, yen: (middleYen[currency] * factor).toFixed(2) }
  })
}
