package reactor_test
var producerCases, connectCases, panicCases, timeCases, threadCases, lifeCases []conformanceCase
