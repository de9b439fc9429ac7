package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// This file has ranges: the bytes of a file that a request asks for (RFC 9110, section
// 14).

// A part is a piece of a response's body: text, then size bytes of the file from offset.
type part struct {
	text         string
	offset, size int64
}

// A plan is the body of a response.
type plan struct {
	parts  []part
	length int64
}

// maxRanges bounds the ranges in a request. A request with more ranges gets the whole
// file.
const maxRanges = 64

// planRanges decides which parts of a file are sent, and sets the headers. The code is
// 416 if no part is.
func planRanges(req *Request, tag string, size int64, mediaType string) plan {
	ranges, ok := wantedRanges(req, tag, size)
	switch {
	case ok && len(ranges) == 0:
		req.SetResponseCode(http.StatusRequestedRangeNotSatisfiable)
		req.SetHeader("Content-Range", "bytes */"+itoa(size))
		return plan{}
	case !ok:
		req.SetHeader("Content-Type", mediaType)
		return plan{[]part{{size: size}}, size}
	case len(ranges) == 1:
		req.SetResponseCode(http.StatusPartialContent)
		req.SetHeader("Content-Type", mediaType)
		req.SetHeader("Content-Range", contentRange(ranges[0], size))
		return plan{ranges, ranges[0].size}
	}
	// The boundary need not be random, but must not be in the file by chance.
	sum := sha256.Sum256([]byte(tag + req.Header.Get("Range") + mediaType))
	boundary := hex.EncodeToString(sum[:16])
	req.SetResponseCode(http.StatusPartialContent)
	req.SetHeader("Content-Type", "multipart/byteranges; boundary="+boundary)
	p := plan{}
	for i, r := range ranges {
		r.text = fmt.Sprintf("--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n", boundary, mediaType, contentRange(r, size))
		if i != 0 {
			r.text = "\r\n" + r.text
		}
		p.parts = append(p.parts, r)
		p.length += int64(len(r.text)) + r.size
	}
	end := "\r\n--" + boundary + "--\r\n"
	p.parts = append(p.parts, part{text: end})
	p.length += int64(len(end))
	return p
}

func contentRange(p part, size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", p.offset, p.offset+p.size-1, size)
}

// wantedRanges returns the ranges of a request that are in the file. ok is false if the
// whole file is sent: if there is no valid Range for this version of the file, or if the
// ranges are longer than the file.
func wantedRanges(req *Request, tag string, size int64) (ranges []part, ok bool) {
	header := req.Header["Range"]
	if len(header) != 1 || req.Method != http.MethodGet || !sameVersion(req, tag) {
		return nil, false
	}
	unit, specs, found := strings.Cut(header[0], "=")
	if !found || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return nil, false
	}
	count, sum := 0, int64(0)
	for spec := range strings.SplitSeq(specs, ",") {
		if spec = strings.TrimSpace(spec); spec == "" {
			continue
		}
		if count++; count > maxRanges {
			return nil, false
		}
		r, valid := parseRange(spec, size)
		if !valid {
			return nil, false
		}
		if r.size > 0 {
			ranges = append(ranges, r)
			sum += r.size
		}
	}
	if count == 0 || sum > size {
		return nil, false
	}
	return ranges, true
}

// parseRange reads "first-last", "first-" or "-length". The size of a range outside the
// file is 0.
func parseRange(spec string, size int64) (r part, valid bool) {
	first, last, found := strings.Cut(spec, "-")
	if !found {
		return r, false
	}
	if first == "" {
		n, ok := parseDecimal(last)
		n = min(n, size)
		return part{offset: size - n, size: n}, ok
	}
	from, ok := parseDecimal(first)
	if !ok {
		return r, false
	}
	to := size - 1
	if last != "" {
		n, ok := parseDecimal(last)
		if !ok || n < from {
			return r, false
		}
		to = min(to, n)
	}
	return part{offset: from, size: max(0, to-from+1)}, true
}

// sameVersion reports whether If-Range, if present, names this version of the file (RFC
// 9110, section 13.1.5): by a strong tag, or by the exact time.
func sameVersion(req *Request, tag string) bool {
	condition := req.Header.Get("If-Range")
	switch {
	case condition == "":
		return true
	case strings.HasPrefix(condition, "\"") || strings.HasPrefix(condition, "W/"):
		return condition == tag
	}
	at, err := http.ParseTime(condition)
	modified, err2 := http.ParseTime(req.ResponseHeader.Get("Last-Modified"))
	return err == nil && err2 == nil && at.Equal(modified.Truncate(time.Second))
}

// parseDecimal reads a number that consists of digits. A number that is too large becomes
// the largest one, which is beyond the end of every file.
func parseDecimal(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.ParseInt(s, 10, 64)
	return n, true
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
