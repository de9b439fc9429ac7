package reactor_test
var panicCases, timeCases, threadCases, lifeCases []conformanceCase
