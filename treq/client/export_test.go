package client

// CachedURLs returns the number of URLs in the cache of c.
func CachedURLs(c *HTTPClient) int { return len(c.urls) }
