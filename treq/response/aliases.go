package response

import (
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// This file knows the names of charsets.

// A form is one of the charsets that package response decodes itself.
type form int

const (
	other form = iota // an encoding of golang.org/x/text
	ascii
	latin1
	utf8Form
	utf16Form // the byte order is that of the mark, or little-endian as in Python
	utf16LE
	utf16BE
	utf32Form
	utf32LE
	utf32BE
)

// forms holds the names of these charsets: those of WHATWG, of IANA and of Python, and two
// of MySQL. But ISO-8859-1 and US-ASCII are themselves, not windows-1252.
var forms = names(map[form]string{
	ascii:  `us-ascii ascii csascii us iso-ir-6 cp367 ibm367 646 ansi-x3-4-1968 ansi-x3-4-1986 iso646-us iso-646-irv-1991 iso-646-irv:1991`,
	latin1: `iso-8859-1 iso8859-1 csisolatin1 iso-ir-100 latin1 latin-1 latin l1 iso-8859-1-1987 iso-8859-1:1987 iso8859 8859 cp819 ibm819`,
	utf8Form: `utf-8 utf8 utf-8-sig utf u8 cp65001 utf8-ucs2 utf8-ucs4 utf8mb3 utf8mb4 csutf8 unicode-1-1-utf-8
		unicode11utf8 unicode20utf8 x-unicode20utf8`,
	utf16Form: `utf-16 utf16 u16 csutf16 unicode csunicode ucs-2 iso-10646-ucs-2`,
	utf16LE:   `utf-16le utf-16-le csutf16le unicodelittleunmarked unicodefeff x-utf-16le`,
	utf16BE:   `utf-16be utf-16-be csutf16be unicodebigunmarked unicodefffe x-utf-16be`,
	utf32Form: `utf-32 utf32 u32 csutf32 ucs-4 csucs4 iso-10646-ucs-4`,
	utf32LE:   `utf-32le utf-32-le csutf32le`,
	utf32BE:   `utf-32be utf-32-be csutf32be`,
})

// aliases holds Python's names that neither WHATWG nor IANA has, under the names that
// WHATWG or IANA uses for the same charset or one that has all its characters. Python's
// cp273, cp424, cp500, cp720, cp737, cp775, cp856, cp857, cp861, cp864, cp869, cp875, cp1006,
// cp1026, cp1125, euc_jis_2004, euc_jisx0213, hp_roman8, iso2022_jp_1, _2, _3, _2004 and
// _ext, iso2022_kr, johab, koi8_t, kz1048, ptcp154, shift_jis_2004, shift_jisx0213, utf_7
// and most of Apple's are unknown: golang.org/x/text does not decode them.
var aliases = names(map[string]string{
	"shift_jis":      `cp932 932 ms932 mskanji ms-kanji s-jis shiftjis x-mac-japanese`,
	"euc-jp":         `eucjp ujis u-jis`,
	"iso-2022-jp":    `iso2022-jp iso2022jp`,
	"euc-kr":         `cp949 949 ms949 uhc euckr ks-c-5601 ks-c-5601-1987 ks-x-1001 ksx1001 x-mac-korean`,
	"big5":           `cp950 950 ms950 big5-tw big5hkscs hkscs x-mac-trad-chinese`,
	"gbk":            `936 euccn euc-cn eucgb2312-cn gb2312-1980 gb2312-80 x-mac-simp-chinese`,
	"gb18030":        `gb18030-2000`,
	"hz-gb-2312":     `hz hz-gb hz-gb-2312 hzgb`,
	"iso-8859-13":    `latin7 l7`,
	"iso-8859-7":     `elot-928`,
	"iso-8859-15":    `latin9`,
	"windows-874":    `cp874 thai tis620 tis-620 tis-620-0 tis-620-2529-0 tis-620-2529-1 iso-ir-166`,
	"macintosh":      `macroman mac-roman x-macroman`,
	"x-mac-cyrillic": `maccyrillic mac-cyrillic x-maccyrillic`,
	"ibm00858":       `cp858 858 csibm858 ibm858`,
	"ibm01140":       `cp1140 1140 ibm1140`,
	"ibm037":         `037 ibm039`,
	"windows-1250":   `1250`,
	"windows-1251":   `1251`,
	"windows-1252":   `1252`,
	"windows-1253":   `1253`,
	"windows-1254":   `1254`,
	"windows-1255":   `1255`,
	"windows-1256":   `1256`,
	"windows-1257":   `1257`,
	"windows-1258":   `1258`,
})

// names inverts m, whose values are names with spaces between.
func names[T comparable](m map[T]string) map[string]T {
	of := make(map[string]T)
	for charset, all := range m {
		for _, name := range strings.Fields(all) {
			of[name] = charset
		}
	}
	return of
}

// normalize returns a charset's name in lower case, with a hyphen for each run of
// underscores and the like, which Python does not tell apart.
func normalize(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			b.WriteByte(c + ('a' - 'A'))
		case isAlphanumeric(c), c == ':', c == '+':
			b.WriteByte(c)
		case i == 0 || isAlphanumeric(name[i-1]) || name[i-1] == ':' || name[i-1] == '+':
			b.WriteByte('-')
		}
	}
	return b.String()
}

// lookUp returns the encoding of a charset that is none of the forms, or nil. written is its
// name as written, and name is normalized.
func lookUp(written, name string) encoding.Encoding {
	if alias, ok := aliases[name]; ok {
		name = alias
	}
	if name == "hz-gb-2312" {
		return simplifiedchinese.HZGB2312 // browsers do not decode it, but Python does
	}
	for _, n := range []string{written, name, isoName(name)} {
		if e, err := htmlindex.Get(n); err == nil {
			switch e {
			case encoding.Replacement:
				return nil // browsers do not decode it either
			case charmap.ISO8859_8I: // the same bytes in the same order
				return charmap.ISO8859_8
			}
			return e
		}
		if e, err := ianaindex.IANA.Encoding(n); err == nil && e != nil {
			return e
		}
	}
	return nil
}

// isoName returns "iso-8859-N" for names such as "iso-8859-2-1987" and "iso8859-2".
func isoName(name string) string {
	rest, ok := strings.CutPrefix(name, "iso8859-")
	if !ok {
		if rest, ok = strings.CutPrefix(name, "iso-8859-"); !ok {
			return name
		}
	}
	part, _, _ := strings.Cut(rest, "-")
	return "iso-8859-" + part
}
