-- Emerges one volume as soon as the server is up, writes how long that took, and ends the server.
-- The bench puts the corners in front of this file: FROM and TO, both inside.

local answer = minetest.get_worldpath() .. "/emerged.json"
local failed = 0

local function count(_, action, remaining, begun)
	if action == minetest.EMERGE_CANCELLED or action == minetest.EMERGE_ERRORED then
		failed = failed + 1
	end
	if remaining > 0 then
		return
	end
	local wall_us = minetest.get_us_time() - begun.wall_us
	-- The time that all threads of this process were on a core.
	local cpu_s = os.clock() - begun.cpu_s
	minetest.safe_file_write(answer, minetest.write_json({ wall_s = wall_us / 1e6, cpu_s = cpu_s, failed = failed }))
	minetest.request_shutdown("the volume is there")
end

minetest.after(0, function()
	minetest.emerge_area(FROM, TO, count, { wall_us = minetest.get_us_time(), cpu_s = os.clock() })
end)
