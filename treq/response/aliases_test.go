package response_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// pythonCharsets has the names in Python's encodings.aliases of the codecs that package
// response decodes too, and a text as Python 3.11 encodes it.
var pythonCharsets = []struct{ names, body, text string }{
	{"037 cp037 csibm037 ebcdic_cp_ca ebcdic_cp_nl ebcdic_cp_us ebcdic_cp_wt ibm037 ibm039", "\x80\x81\x82", "Øab"},
	{"1140 cp1140 ibm1140", "\x80\x81\x82", "Øab"},
	{"1250 cp1250 windows_1250", "\x8a\x8c\x8d", "ŠŚŤ"},
	{"1251 cp1251 windows_1251", "\x80\x81\x83", "ЂЃѓ"},
	{"1252 cp1252 windows_1252", "\x83\x88\x8a", "ƒˆŠ"},
	{"1253 cp1253 windows_1253", "\x83\xa2\xb5", "ƒΆµ"},
	{"1254 cp1254 windows_1254", "\x83\x88\x8a", "ƒˆŠ"},
	{"1255 cp1255 windows_1255", "\x83\x88\xb5", "ƒˆµ"},
	{"1256 cp1256 windows_1256", "\x81\x83\x88", "پƒˆ"},
	{"1257 cp1257 windows_1257", "\x8e\xa8\xaa", "ˇØŖ"},
	{"1258 cp1258 windows_1258", "\x83\x88\x8c", "ƒˆŒ"},
	{"437 cp437 cspc8codepage437 ibm437", "\x80\x81\x82", "Çüé"},
	{"646 ansi_x3.4_1968 ansi_x3.4_1986 ansi_x3_4_1968 ascii cp367 csascii ibm367 iso646_us iso_646.irv_1991 iso_ir_6 us us_ascii", "abc", "abc"},
	{"850 cp850 cspc850multilingual ibm850", "\x80\x81\x82", "Çüé"},
	{"852 cp852 cspcp852 ibm852", "\x80\x81\x82", "Çüé"},
	{"855 cp855 csibm855 ibm855", "\x80\x81\x82", "ђЂѓ"},
	{"858 cp858 csibm858 ibm858", "\x80\x81\x82", "Çüé"},
	{"860 cp860 csibm860 ibm860", "\x80\x81\x82", "Çüé"},
	{"862 cp862 cspc862latinhebrew ibm862", "\x80\x81\x82", "אבג"},
	{"863 cp863 csibm863 ibm863", "\x80\x81\x82", "Çüé"},
	{"865 cp865 csibm865 ibm865", "\x80\x81\x82", "Çüé"},
	{"866 cp866 csibm866 ibm866", "\x80\x81\x82", "АБВ"},
	{"8859 cp819 csisolatin1 ibm819 iso8859 iso8859_1 iso_8859_1 iso_8859_1_1987 iso_ir_100 l1 latin latin1 latin_1", "\xaa\xb5\xba", "ªµº"},
	{"932 cp932 ms932 ms_kanji mskanji", "\x93\xfa\x96{\xb1\x87@", "日本ｱ①"},
	{"936 cp936 gbk ms936", "\xc4\xe3\xba\xc3", "你好"},
	{"949 cp949 ms949 uhc", "\xc7\xd1\xb1\xb9\x8cc", "한국똠"},
	{"950 cp950 ms950", "\xa7A\xa6n", "你好"},
	{"arabic asmo_708 csisolatinarabic ecma_114 iso8859_6 iso_8859_6 iso_8859_6_1987 iso_ir_127", "\xc1\xc2\xc3", "ءآأ"},
	{"big5 big5_tw csbig5 x_mac_trad_chinese", "\xa7A\xa6n", "你好"},
	{"big5_hkscs big5hkscs hkscs", "\xa7A\xa6n\x9d\xee", "你好㗎"},
	{"chinese csiso58gb231280 euc_cn euccn eucgb2312_cn gb2312 gb2312_1980 gb2312_80 iso_ir_58 x_mac_simp_chinese", "\xc4\xe3\xba\xc3", "你好"},
	{"cp65001 u8 utf utf8 utf8_ucs2 utf8_ucs4 utf_8", "\xc3\xbc\xe2\x82\xac", "ü€"},
	{"cp874", "\xa1\xa2\xa3", "กขฃ"},
	{"csiso2022jp iso2022_jp iso2022jp iso_2022_jp", "\x1b$BF|K\x5c\x1b(B", "日本"},
	{"csisolatin2 iso8859_2 iso_8859_2 iso_8859_2_1987 iso_ir_101 l2 latin2", "\xa1\xa3\xa5", "ĄŁĽ"},
	{"csisolatin3 iso8859_3 iso_8859_3 iso_8859_3_1988 iso_ir_109 l3 latin3", "\xa1\xa6\xa9", "ĦĤİ"},
	{"csisolatin4 iso8859_4 iso_8859_4 iso_8859_4_1988 iso_ir_110 l4 latin4", "\xa1\xa2\xa3", "ĄĸŖ"},
	{"csisolatin5 iso8859_9 iso_8859_9 iso_8859_9_1989 iso_ir_148 l5 latin5", "\xaa\xb5\xba", "ªµº"},
	{"csisolatin6 iso8859_10 iso_8859_10 iso_8859_10_1992 iso_ir_157 l6 latin6", "\xa1\xa2\xa3", "ĄĒĢ"},
	{"csisolatincyrillic cyrillic iso8859_5 iso_8859_5 iso_8859_5_1988 iso_ir_144", "\xa1\xa2\xa3", "ЁЂЃ"},
	{"csisolatingreek ecma_118 elot_928 greek greek8 iso8859_7 iso_8859_7 iso_8859_7_1987 iso_ir_126", "\xaa\xb6\xb8", "ͺΆΈ"},
	{"csisolatinhebrew hebrew iso8859_8 iso_8859_8 iso_8859_8_1988 iso_ir_138", "\xb5\xe0\xe1", "µאב"},
	{"cskoi8r koi8_r", "\xa3\xb3\xc0", "ёЁю"},
	{"csshiftjis s_jis shift_jis shiftjis sjis x_mac_japanese", "\x93\xfa\x96{\xb1", "日本ｱ"},
	{"euc_jp eucjp u_jis ujis", "\xc6\xfc\xcb\xdc", "日本"},
	{"euc_kr euckr korean ks_c_5601 ks_c_5601_1987 ks_x_1001 ksc5601 ksx1001 x_mac_korean", "\xc7\xd1\xb1\xb9", "한국"},
	{"gb18030 gb18030_2000", "\xc4\xe3\xba\xc3\xa2\xe3", "你好€"},
	{"hz hz_gb hz_gb_2312 hzgb", "~{Dc:C~}", "你好"},
	{"iso8859_11 iso_8859_11 iso_8859_11_2001 thai", "\xa1\xa2\xa3", "กขฃ"},
	{"iso8859_13 iso_8859_13 l7 latin7", "\xa8\xaa\xaf", "ØŖÆ"},
	{"iso8859_14 iso_8859_14 iso_8859_14_1998 iso_celtic iso_ir_199 l8 latin8", "\xa1\xa2\xa4", "ḂḃĊ"},
	{"iso8859_15 iso_8859_15 l9 latin9", "\xa6\xa8\xaa", "Ššª"},
	{"iso8859_16 iso_8859_16 iso_8859_16_2001 iso_ir_226 l10 latin10", "\xa1\xa2\xa3", "ĄąŁ"},
	{"iso_ir_166 tis620 tis_620 tis_620_0 tis_620_2529_0 tis_620_2529_1", "\xa1\xa2\xa3", "กขฃ"},
	{"koi8_u", "\xa3\xa4\xa6", "ёєі"},
	{"mac_cyrillic maccyrillic", "\x80\x81\x82", "АБВ"},
	{"mac_roman macintosh macroman", "\x80\x81\x82", "ÄÅÇ"},
	{"u16 utf16 utf_16", "\xff\xfe\xfc\x00\xac ", "ü€"},
	{"u32 utf32 utf_32", "\xff\xfe\x00\x00\xfc\x00\x00\x00\xac \x00\x00", "ü€"},
	{"unicodebigunmarked utf_16_be utf_16be", "\x00\xfc \xac", "ü€"},
	{"unicodelittleunmarked utf_16_le utf_16le", "\xfc\x00\xac ", "ü€"},
	{"utf_32_be utf_32be", "\x00\x00\x00\xfc\x00\x00 \xac", "ü€"},
	{"utf_32_le utf_32le", "\xfc\x00\x00\x00\xac \x00\x00", "ü€"},
	{"utf_8_sig", "\xef\xbb\xbf\xc3\xbc\xe2\x82\xac", "ü€"},
}

// unknownCharsets are Python's other names. Some are no charsets.
const unknownCharsets = `
	1026 1125 273 424 500 775 857 861 864 869 charmap cp1006 cp1026 cp1051 cp1125 cp1361 cp154
	cp273 cp424 cp500 cp720 cp737 cp775 cp856 cp857 cp861 cp864 cp866u cp869 cp875 cp_gr cp_is
	csibm1026 csibm273 csibm424 csibm500 csibm857 csibm861 csibm864 csibm869 csiso2022kr
	cspc775baltic csptcp154 cyrillic_asian ebcdic_cp_be ebcdic_cp_ch ebcdic_cp_he euc_jis2004
	euc_jis_2004 euc_jisx0213 eucjis2004 eucjisx0213 hp_roman8 ibm1026 ibm1051 ibm1125 ibm273
	ibm424 ibm500 ibm775 ibm857 ibm861 ibm864 ibm869 idna iso2022_jp_1 iso2022_jp_2
	iso2022_jp_2004 iso2022_jp_3 iso2022_jp_ext iso2022_kr iso2022jp_1 iso2022jp_2
	iso2022jp_2004 iso2022jp_3 iso2022jp_ext iso2022kr iso_2022_jp_1 iso_2022_jp_2
	iso_2022_jp_2004 iso_2022_jp_3 iso_2022_jp_ext iso_2022_kr jisx0213 johab koi8_t kz1048
	kz_1048 mac_arabic mac_centeuro mac_croatian mac_farsi mac_greek mac_iceland mac_latin2
	mac_romanian mac_turkish maccentraleurope macgreek maciceland maclatin2 macturkish ms1361
	palmos pt154 ptcp154 punycode r8 raw_unicode_escape rk1048 roman8 ruscii s_jis_2004
	s_jisx0213 shift_jis_2004 shift_jisx0213 shiftjis2004 shiftjisx0213 sjis_2004 sjisx0213
	strk1048_2002 u7 undefined unicode_1_1_utf_7 unicode_escape utf7 utf_7`

// TestPythonsCharsets reads each in the spellings that Python does not tell apart.
func TestPythonsCharsets(t *testing.T) {
	spellings := func(name string) []string {
		hyphens := strings.ReplaceAll(name, "_", "-")
		return []string{name, hyphens, strings.ToUpper(name), strings.ToUpper(hyphens), `"` + name + `"`, `" ` + name + ` "`, "\t" + name + " "}
	}
	for _, c := range pythonCharsets {
		for name := range strings.FieldsSeq(c.names) {
			for _, spelling := range spellings(name) {
				got, err := textOf(of(c.body, "text/plain; charset="+spelling))
				if err != nil || got != c.text {
					t.Errorf("%s: got %q, %v, want %q", spelling, got, err, c.text)
				}
			}
		}
	}
	for name := range strings.FieldsSeq(unknownCharsets) {
		for _, spelling := range spellings(name) {
			err := deferredtest.FailureResultOf(t, of("x", "text/plain; charset="+spelling).Text())
			if !errors.Is(err, response.ErrUnknownCharset) {
				t.Errorf("%s: got %v", spelling, err)
			}
		}
	}
}

// textOf returns the text of r, whose body is complete.
func textOf(r *response.Response) (text string, err error) {
	r.Text().AddBoth(func(s string, e error) (string, error) {
		text, err = s, e
		return "", nil
	})
	return text, err
}

// TestByteOrderMarks: the mark decides, whatever form of Unicode the charset names. It does
// not decide for other charsets.
func TestByteOrderMarks(t *testing.T) {
	forms := []string{
		"utf-8", "utf8mb4", "utf-8-sig", "UTF-16", "utf-16le", "UTF_16BE", "unicode", "ucs-2", "unicodefffe", "csUTF16",
		"utf-32", "utf-32le", "UTF-32BE", "ucs-4",
	}
	for _, name := range forms {
		wide := strings.Contains(strings.ToLower(name), "32") || name == "ucs-4"
		for _, test := range []struct {
			body, text string
			wide       bool // the mark counts for UTF-32 only
		}{
			{"\xef\xbb\xbf\xc3\xbc", "ü", false},
			{"\xfe\xff\x00\xfc", "ü", false},
			{"\xff\xfe\xfc\x00", "ü", false},
			{"\xff\xfe\x00\x00\xfc\x00\x00\x00", "ü", true},
			{"\x00\x00\xfe\xff\x00\x00\x00\xfc", "ü", true},
			{"\xef\xbb\xbf", "", false},
			{"\xfe\xff", "", false},
			{"\xff\xfe", "", false},
		} {
			if test.wide && !wide {
				continue
			}
			if got, err := textOf(of(test.body, "a/b;charset="+name)); err != nil || got != test.text {
				t.Errorf("%s, %q: got %q, %v, want %q", name, test.body, got, err, test.text)
			}
		}
	}
	for name, want := range map[string]string{"latin1": "ï»¿x", "windows-1252": "ï»¿x"} {
		if got, err := textOf(of("\xef\xbb\xbfx", "a/b;charset="+name)); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
}

// TestSeveralContentTypes has rows of web-platform-tests' content-types.json. The charset is
// unknown, since the error names it.
func TestSeveralContentTypes(t *testing.T) {
	for _, test := range []struct {
		values string // with | between
		want   string // the charset
	}{
		{"text/html;charset=x-a|text/html", "x-a"},
		{"text/html;charset=x-a|text/plain", ""},
		{"text/html;charset=x-a|text/plain|text/html", ""},
		{"text/html;charset=x-a|text/html;charset=x-b", "x-b"},
		{"text/html;charset=x-a|text/html;x=y", "x-a"},
		{"text/html;charset=x-a|TEXT/HTML", "x-a"},
		{"text/html;charset=x-a|*/*", "x-a"},
		{"text/html;charset=x-a|*/*;charset=x-b", "x-a"},
		{"text/html;charset=x-a|", "x-a"},
		{"|text/html;charset=x-a", "x-a"},
		{"text/html;charset=x-a|cannot-parse", "x-a"},
		{"text/html;charset=x-a|/;charset=x-b", "x-a"},
		{"text/html;charset=x-a|a b/c;charset=x-b", "x-a"},
		{"text/html|text/html;charset=x-a", "x-a"},
		{"cannot-parse;charset=x-a", "x-a"},
		{"cannot-parse;charset=x-a|nor;charset=x-b", "x-b"},
		// A proxy may join several headers.
		{"text/html; charset=x-a, text/html", "x-a"},
		{"text/html; charset=x-a , text/html;charset=x-b", "x-b"},
		{"text/html;charset=x-a,", "x-a"},
		{"text/html;charset=x-a,,", "x-a"},
		{",text/html;charset=x-a", "x-a"},
		{"text/html;charset=x-a, text/plain", ""},
		{`text/html;a="b,text/plain;charset=x-b";charset=x-a`, "x-a"},
		{`text/html;a="\",text/plain";charset=x-a`, "x-a"},
	} {
		_, err := textOf(of("x", strings.Split(test.values, "|")...))
		var why *response.CharsetError
		if test.want == "" && err != nil || test.want != "" && (!errors.As(err, &why) || why.Charset != test.want) {
			t.Errorf("%q: got %v, want %q", test.values, err, test.want)
		}
	}
}

// TestErrorsNameTheRequest: an error of reading says for which response, and what came, and
// is short.
func TestErrorsNameTheRequest(t *testing.T) {
	long := strings.Repeat("long", 10_000)
	for _, test := range []struct {
		url, contentType, body, want string
		json                         bool
	}{
		{"http://an.example/a", "text/plain; charset=klingon", "x", `GET http://an.example/a: unknown charset "klingon"`, false},
		{"http://an.example/a", "text/plain; charset=klingon", "x", `GET http://an.example/a: unknown charset "klingon"`, true},
		{"http://an.example/a", "text/plain; charset=utf-8", "h\xe9llo", `GET http://an.example/a: not text in that charset: byte 1, "\xe9llo", is not utf-8`, false},
		{"http://an.example/a", "application/json", "\"\xff\"", `GET http://an.example/a: not text in that charset: byte 1, "\xff\"", is not UTF-8`, true},
		{"http://u:secret@an.example/a", "text/html", "<html>\n" + long, `GET http://u:xxxxx@an.example/a: 200 text/html is not JSON: "<html>\nlong`, true},
		{"http://an.example/a", "", "", `GET http://an.example/a: 200 without a Content-Type is not JSON: "": unexpected end of JSON input`, true},
		{"http://an.example/a", "json", "x", `GET http://an.example/a: 200 "json" is not JSON: "x": invalid character 'x' looking for beginning of value`, true},
		{"http://an.example/a", "application/json", `["é"]`, `GET http://an.example/a: 200 application/json, read as JSON: "[\"\u00e9\"]": json: cannot unmarshal array into Go value of type int`, true},
		{"http://an.example/" + long, "a/" + long + ";charset=" + long, "x", `GET http://an.example/longlong`, false},
		{"http://an.example/" + long, "a/" + long, long, `GET http://an.example/longlong`, true},
	} {
		r := of(test.body)
		if test.contentType != "" {
			r.Header.Set("Content-Type", test.contentType)
		}
		r.Request = &request.Request{Method: "GET", URL: urls.MustParse(test.url)}
		var err error
		if test.json {
			err = deferredtest.FailureResultOf(t, response.JSON[int](r))
		} else {
			err = deferredtest.FailureResultOf(t, r.Text())
		}
		if !strings.HasPrefix(err.Error(), test.want) || len(err.Error()) > 1000 || strings.ContainsFunc(err.Error(), func(c rune) bool { return c < ' ' }) {
			t.Errorf("got  %s\nwant %s", err, test.want)
		}
	}
}
