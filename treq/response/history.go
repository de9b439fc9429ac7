package response

import "slices"

// History returns the redirects that led to r, oldest first. It is treq's history.
func (r *Response) History() []*Response {
	var history []*Response
	for p := r.PreviousResponse; p != nil; p = p.PreviousResponse {
		history = append(history, p)
	}
	slices.Reverse(history)
	return history
}
