package response_test

// These are texts of errors at the end of a body.
const (
	done    = "the response is complete"
	aborted = "the response failed: connection was aborted"
)
