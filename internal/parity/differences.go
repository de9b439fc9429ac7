package main

// differences are all that are meant, in the order in which they are looked for.
// docs/parity.md lists them.
var differences = []Difference{
	{
		Field: "Sent.*.Header.Accept-Encoding", Treq: `[*"gzip"]`, Ours: `[*"gzip,deflate,br,zstd"]`,
		Reason: "x",
	},
	{
		Field: "Got.*.Header.content-encoding", Treq: `[""]`, Ours: none,
		Reason: "Twisted's ContentDecoderAgent leaves an empty header where there was none.",
	},
	{
		Field: "Got.*.Header.content-length", Treq: none,
		Reason: "Twisted keeps the headers that control the connection to itself. Here a response has all that were sent, as net/http has them.",
	},
	{
		Field: "Got.*.Header.connection", Treq: none,
		Reason: "Twisted keeps the headers that control the connection to itself. Here a response has all that were sent, as net/http has them.",
	},
	{
		Field: "Got.*.Header.transfer-encoding", Treq: none,
		Reason: "Twisted keeps the headers that control the connection to itself. Here a response has all that were sent, as net/http has them.",
	},
}
