import { bankTextsEn } from './bank-texts-en.ts'
import { type BankTexts, bankTextsJa } from './bank-texts-ja.ts'
import type { BankLanguage } from './bank-visit.ts'

/** Every word of the sample bank in both languages. */
export const bankTexts: { readonly [language in BankLanguage]: BankTexts } = { ja: bankTextsJa, en: bankTextsEn }
