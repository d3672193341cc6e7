-- usage: wrk … -s load.lua URL -- create | read IDS | delete IDS
-- What wrk asks for. IDS is a file with an id a line; they are taken in that order.

-- As many signs as what takes its place, for Content-Length to hold.
local MARK = "#########"
local METHODS = { read = "GET", delete = "DELETE" }
local PERSON = '{"firstName":"Ada","lastName":"Lovelace","userName":"ada' .. MARK
    .. '","email":"ada' .. MARK .. '@example.org","countryId":"GB","birthDate":"1815-12-10"}'

local before, between, after, ids
local count = 0

local function create()
    count = count + 1
    local number = string.format("%09d", count)
    return before .. number .. between .. number .. after
end

local function with_id()
    count = count + 1
    return before .. ids[(count - 1) % #ids + 1] .. after
end

local function split(text)
    local parts, at = {}, 1
    while true do
        local first, last = text:find(MARK, at, true)
        parts[#parts + 1] = text:sub(at, first and first - 1)
        if not first then return parts end
        at = last + 1
    end
end

function init(args)
    local kind = args[1]
    if kind == "create" then
        local parts = split(wrk.format("POST", "/api/users",
            { ["Content-Type"] = "application/json", Host = wrk.headers["Host"] }, PERSON))
        before, between, after = parts[1], parts[2], parts[3]
        request = create
    else
        local parts = split(wrk.format(METHODS[kind], "/api/users/" .. MARK))
        before, after = parts[1], parts[2]
        ids = {}
        for line in io.lines(args[2]) do ids[#ids + 1] = line end
        request = with_id
    end
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format('\n{"requests": %d, "seconds": %.6f, "p99_ms": %.3f, "wrong": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(99) / 1000,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
