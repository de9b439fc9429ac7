package request_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// TestForm expects the results of urllib.parse.urlencode, which treq uses.
func TestForm(t *testing.T) {
	var all strings.Builder
	for b := range 256 {
		all.WriteByte(byte(b))
	}
	for _, test := range []struct {
		name   string
		fields interface{ Encode() string }
		want   string
	}{
		{"nothing", request.Pairs(nil), ""},
		{"in order, with one name twice", request.Pairs{{"b", "1"}, {"a", "2"}, {"b", "0"}}, "b=1&a=2&b=0"},
		{"converted from the underlying type", request.Pairs([][2]string{{"a", "1"}}), "a=1"},
		{"without names and values", request.Pairs{{"", "x"}, {"y", ""}, {"", ""}}, "=x&y=&="},
		{"UTF-8", request.Pairs{{"é", "Это ü"}}, "%C3%A9=%D0%AD%D1%82%D0%BE+%C3%BC"},
		{"special characters", request.Pairs{{"a=b&c", "x y+z%"}, {"~-._", "\r\n"}}, "a%3Db%26c=x+y%2Bz%25&~-._=%0D%0A"},
		{"all bytes", request.Pairs{{"", all.String()}}, "=" + strings.Join([]string{
			"%00%01%02%03%04%05%06%07%08%09%0A%0B%0C%0D%0E%0F%10%11%12%13%14%15%16%17%18%19%1A%1B%1C%1D%1E%1F",
			"+%21%22%23%24%25%26%27%28%29%2A%2B%2C-.%2F0123456789%3A%3B%3C%3D%3E%3F%40ABCDEFGHIJKLMNOPQRSTUVWXYZ",
			"%5B%5C%5D%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F%80%81%82%83%84%85%86%87%88%89%8A%8B%8C%8D%8E",
			"%8F%90%91%92%93%94%95%96%97%98%99%9A%9B%9C%9D%9E%9F%A0%A1%A2%A3%A4%A5%A6%A7%A8%A9%AA%AB%AC%AD%AE%AF",
			"%B0%B1%B2%B3%B4%B5%B6%B7%B8%B9%BA%BB%BC%BD%BE%BF%C0%C1%C2%C3%C4%C5%C6%C7%C8%C9%CA%CB%CC%CD%CE%CF%D0",
			"%D1%D2%D3%D4%D5%D6%D7%D8%D9%DA%DB%DC%DD%DE%DF%E0%E1%E2%E3%E4%E5%E6%E7%E8%E9%EA%EB%EC%ED%EE%EF%F0%F1",
			"%F2%F3%F4%F5%F6%F7%F8%F9%FA%FB%FC%FD%FE%FF"}, "")},
		{"values, sorted", url.Values{"b": {"1", "0"}, "a": {"x y"}, "none": nil}, "a=x+y&b=1&b=0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := request.Form(test.fields)
			if string(body) != test.want {
				t.Errorf("got %s\nwant %s", body, test.want)
			}
			if body.Length() != int64(len(test.want)) {
				t.Errorf("Length() = %d; want %d", body.Length(), len(test.want))
			}
			to := new(stepper.Sink)
			outcome.Of(body.StartProducing(to)).WantErr(t, nil)
			to.Want(t, test.want)
			for _, call := range []func(){body.PauseProducing, body.ResumeProducing, body.StopProducing} {
				call()
			}
		})
	}
}
