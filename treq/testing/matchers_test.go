package testing_test

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

func TestHasHeaders(t *testing.T) {
	for _, test := range []struct {
		name    string
		want    treqtesting.HasHeaders
		got     http.Header
		matches bool
	}{
		{"the same", treqtesting.HasHeaders{"one": {"two", "three"}}, http.Header{"one": {"two", "three"}}, true},
		{"a strict subset", treqtesting.HasHeaders{"one": {"two", "three"}}, http.Header{"one": {"two", "three", "four"}, "ten": {"six"}}, true},
		{"a different order", treqtesting.HasHeaders{"one": {"two", "three"}}, http.Header{"one": {"three", "two"}}, true},
		{"an empty matcher", treqtesting.HasHeaders{}, http.Header{"one": {"two"}}, true},
		{"a name without values", treqtesting.HasHeaders{"one": {}}, http.Header{"one": {"two"}}, true},
		{"a missing name", treqtesting.HasHeaders{"one": {}}, http.Header{"ten": {"two"}}, false},
		{"values overlap", treqtesting.HasHeaders{"one": {"two", "three"}}, http.Header{"one": {"three", "four"}}, false},
		{"a value is missing", treqtesting.HasHeaders{"one": {"two", "three"}}, http.Header{"one": {"two"}}, false},
		{"other names and values", treqtesting.HasHeaders{"one": {"two", "three"}}, http.Header{"ten": {"six"}}, false},
		{"names in any case", treqtesting.HasHeaders{"A": {"1"}, "b": {"2"}}, http.Header{"a": {"1"}, "B": {"2"}}, true},
		{"two cases of one name", treqtesting.HasHeaders{"X-a": {"1"}, "x-A": {"2"}}, http.Header{"X-A": {"2", "1"}}, true},
		{"values in another case", treqtesting.HasHeaders{"a": {"a"}}, http.Header{"a": {"A"}}, false},
	} {
		if diff := test.want.Diff(test.got); (diff == "") != test.matches {
			t.Errorf("%s: got %q, want match %v", test.name, diff, test.matches)
		}
	}
}

// TestMatchers: the Diff of each matcher, for parts that match and parts that do not.
func TestMatchers(t *testing.T) {
	long := strings.Repeat("a", 70)
	short := treqtesting.Where("a short text", func(data string) bool { return len(data) < 3 })
	for _, test := range []struct {
		matcher treqtesting.Matcher
		got     any
		diff    string
	}{
		{treqtesting.Any, "x", ""},
		{treqtesting.Any, nil, ""},
		{treqtesting.HasHeaders{"a": {"b"}}, http.Header{"A": {"c"}, "D": {"e"}}, "  http.Header{\n- \t\"A\": {\"b\"},\n+ \t\"A\": {\"c\"},\n  }"},
		{treqtesting.HasHeaders{"a": {"b"}}, http.Header{"D": {"e"}}, "  http.Header{\n- \t\"A\": {\"b\"},\n  }"},
		{treqtesting.HasHeaders{"a": {"b", "b"}}, http.Header{"A": {"b", "c", "b"}}, ""},
		{treqtesting.HasHeaders{"a": {"b", "b"}}, http.Header{"A": {"b", "c"}}, "  http.Header{\n  \t\"A\": {\n  \t\t\"b\",\n- \t\t\"b\",\n+ \t\t\"c\",\n  \t},\n  }"},
		{treqtesting.HasHeaders{"a": {"b"}}, "text", "- HasHeaders{\"A\": {\"b\"}}, which does not match a string at all"},
		{treqtesting.HasParams{"a": {"b"}}, url.Values{"a": {"c", "b"}, "d": {"e"}}, ""},
		{treqtesting.HasParams{"a": {"b"}}, url.Values{"A": {"b"}}, "  url.Values{\n- \t\"a\": {\"b\"},\n  }"},
		{treqtesting.HasParams{"a": {"b"}}, http.Header{}, "- HasParams{\"a\": {\"b\"}}, which does not match a http.Header at all"},
		{treqtesting.Matching("^http://.*/foo$"), "http://an.example/foo", ""},
		{treqtesting.Matching("^http://.*/foo$"), "http://an.example/bar", "- Matching(\"^http://.*/foo$\")\n+ \"http://an.example/bar\""},
		{short, "ab", ""},
		{short, "abc", "- a short text\n+ \"abc\""},
		{short, url.Values{}, "- a short text, which does not match a url.Values at all"},
		{treqtesting.JSON(map[string]any{"a": 1, "b": []string{"c"}}), "{\"b\":[\"c\"],\n\"a\":1.0}", ""},
		{treqtesting.JSON(map[string]int{"a": 1}), `{"a":2}`, "  map[string]any{\n- \t\"a\": float64(1),\n+ \t\"a\": float64(2),\n  }"},
		{treqtesting.JSON([]any{1.5, 1e100, math.Copysign(0, -1), int64(9007199254740993), json.Number("12345678901234567890.10")}), "[15e-1,1E+100,-0,9007199254740993.0,1234567890123456789010e-2]", ""},
		{treqtesting.JSON(json.Number("1e400")), "10E+399", ""},
		{treqtesting.JSON(int64(9007199254740992)), "9007199254740993", "  any(\n- \tfloat64(9.007199254740992e+15),\n+ \ts\"9007199254740993e0\",\n  )"},
		{treqtesting.JSON(0.1), "0.10000000000000000001", "  any(\n- \tfloat64(0.1),\n+ \ts\"10000000000000000001e-20\",\n  )"},
		{treqtesting.JSON(map[string]int{"a": 2}), `{"a":1,"a":2}`, "- JSON({\"a\":2})\n+ \"{\\\"a\\\":1,\\\"a\\\":2}\", which has the member \"a\" twice"},
		{treqtesting.JSON([]any{map[string]int{}}), `[{"b":{},"b":{}}]`, "- JSON([{}])\n+ \"[{\\\"b\\\":{},\\\"b\\\":{}}]\", which has the member \"b\" twice"},
		{treqtesting.JSON("\ufffd"), "\"\xff\"", "- JSON(\"\ufffd\")\n+ \"\\\"\\xff\\\"\", which is not UTF-8"},
		{treqtesting.JSON(1), "1 2", "- JSON(1)\n+ \"1 2\", which is not JSON: invalid character '2' after top-level value"},
		{treqtesting.JSON(1), "", "- JSON(1)\n+ \"\", which is not JSON: unexpected end of JSON input"},
		{treqtesting.JSON(1), http.Header{}, "- JSON(1), which does not match a http.Header at all"},
		{treqtesting.Form(url.Values{"a": {"c", "b"}}), "a=b&a=c", ""},
		{treqtesting.Form(url.Values{"a": {"b"}}), "a=b&d=e", "  url.Values{\n  \t\"a\": {\"b\"},\n+ \t\"d\": {\"e\"},\n  }"},
		{treqtesting.Form(url.Values{"a": {"b"}}), "a=b;%", "  url.Values{\n- \t\"a\": {\"b\"},\n+ \t\"a\": {\"b;%\"},\n  }"},
		{treqtesting.Form(url.Values{}), http.Header{}, "- Form{}, which does not match a http.Header at all"},
		{treqtesting.Where(long, func(http.Header) bool { return true }), http.Header{}, ""},
	} {
		if got := test.matcher.Diff(test.got); got != test.diff {
			t.Errorf("%s of %v:\n%s\nwant\n%s", test.matcher, test.got, got, test.diff)
		}
	}
}

// TestJSONPanics: a value that cannot be encoded is a mistake in the test.
func TestJSONPanics(t *testing.T) {
	defer func() {
		if got, want := recover(), "testing: JSON(chan int): json: unsupported type: chan int"; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}()
	treqtesting.JSON(make(chan int))
}

// TestLongData: the report about a large body is short.
func TestLongData(t *testing.T) { overBoth(t, testLongData) }

func testLongData(t *testing.T, config treqtesting.Config) {
	large := large[:100_000]
	other := large[:len(large)/2] + "X" + large[len(large)/2+1:]
	stub, _, reports := sequence(t, config, treqtesting.Exchange{Request: treqtesting.Request{Method: "post", URL: "http://an.example", Data: large}})
	deferredtest.SuccessResultOf(t, stub.Post("http://an.example", body(other)))
	if len(*reports) != 1 || len((*reports)[0]) > 2000 || !strings.Contains((*reports)[0], "X") {
		t.Errorf("%d reports, of %d bytes: %.3000s", len(*reports), len((*reports)[0]), *reports)
	}
	stub, _, reports = sequence(t, config)
	deferredtest.SuccessResultOf(t, stub.Post("http://an.example", body(large)))
	if len(*reports) != 1 || len((*reports)[0]) > 2000 || !strings.Contains((*reports)[0], "and 99000 bytes more") {
		t.Errorf("%d reports, of %d bytes: %.3000s", len(*reports), len((*reports)[0]), *reports)
	}
}

func TestNormalizeURL(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"http://something-that-looks-like-a-directory", "http://something-that-looks-like-a-directory/"},
		{"http://something-that-looks-like-a-page/page.html", "http://something-that-looks-like-a-page/page.html"},
		{"HTTP://An.Example:80/A", "http://an.example/A"},
		{"https://an.example:443", "https://an.example/"},
		{"https://an.example:80", "https://an.example:80/"},
		{"http://an.example:", "http://an.example/"},
		{"http://[2001:DB8::1]:8080/", "http://[2001:db8::1]:8080/"},
		{"http://bücher.example/ü", "http://xn--bcher-kva.example/%C3%BC"},
		{"http://an.example/a/./b/../c", "http://an.example/a/c"},
		{"http://an.example/a//b/", "http://an.example/a//b/"},
		{"http://an.example/%7efoo%2fbar%3f", "http://an.example/~foo%2Fbar%3F"},
		{"http://an.example/a b", "http://an.example/a%20b"},
		{"http://an_example/", "http://an_example/"},
		{"http://user:secret@an.example/#part", "http://an.example/"},
		{"http://an.example:0080/%zz|%", "http://an.example/%25zz%7C%25"},
		{"http://An.Example./", "http://an.example./"},
		{"http://[FE80:0::1%25eth0]/", "http://[fe80::1]/"},
	} {
		got, err := treqtesting.NormalizeURL(test.url)
		if err != nil || got != test.want {
			t.Errorf("%s: got %q, %v, want %q", test.url, got, err, test.want)
		}
		if again, err := treqtesting.NormalizeURL(got); err != nil || again != got {
			t.Errorf("%s, normalized twice: got %q, %v", test.url, again, err)
		}
	}
	for _, bad := range []string{"", "foo", "//an.example", "http:", "http:///foo", "http://a b/", "http://a..b/", "ftp://an.example/", "http://an.example:65536/"} {
		if got, err := treqtesting.NormalizeURL(bad); err == nil {
			t.Errorf("%q: got %q, want an error", bad, got)
		}
	}
}
